// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/drf"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// maxSerials is how many machines one request archives or prunes.
const maxSerials = 1000

type metaMachine struct {
	SerialNumber        string    `json:"serial_number"`
	URLSafeSerialNumber string    `json:"urlsafe_serial_number"`
	ComputerName        *string   `json:"computer_name"`
	Platform            *string   `json:"platform"`
	Type                *string   `json:"type"`
	Tags                []metaTag `json:"tags"` // by name in lower case
}

type metaTag struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// getMetaMachine answers with what all sources together say of a known machine.
func (a *API) getMetaMachine(w http.ResponseWriter, r *http.Request) error {
	serial, err := api.Serial(r)
	if err != nil {
		return drf.NotFound()
	}
	m, err := a.store.Machine(r.Context(), serial)
	if err != nil {
		return err
	}
	live := slices.ContainsFunc(m.Heads, func(h store.HeadDetail) bool { return h.ArchivedAt == nil })
	ids := make([]int64, len(m.Tags))
	for i := range m.Tags {
		ids[i] = m.Tags[i].ID
	}
	if !live || !auth.ReachOf(r.Context()).Covers(ids) {
		return drf.NotFound()
	}
	return api.WriteJSON(w, http.StatusOK, metaMachine{
		SerialNumber: serial, URLSafeSerialNumber: api.URLSafeSerial(serial),
		ComputerName: known(m.ComputerName), Platform: known(m.Platform), Type: known(m.Type), Tags: metaTags(m.Tags),
	})
}

func metaTags(tags []store.Tag) []metaTag {
	out := make([]metaTag, len(tags))
	for i, tag := range tags {
		out[i] = metaTag{tag.ID, tag.Name}
	}
	slices.SortFunc(out, func(a, b metaTag) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.Name, b.Name))
	})
	return out
}

// known is nil for a text that nobody told.
func known(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// postArchive takes machines out of sight until they report again.
func (a *API) postArchive(w http.ResponseWriter, r *http.Request) error {
	serials, err := readSerials(w, r)
	if err != nil {
		return err
	}
	n, err := a.store.Archive(r.Context(), serials)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, struct {
		CurrentMachineSnapshots int `json:"current_machine_snapshots"`
	}{n})
}

// postPrune deletes the snapshots of machines.
func (a *API) postPrune(w http.ResponseWriter, r *http.Request) error {
	serials, err := readSerials(w, r)
	if err != nil {
		return err
	}
	pruned, err := a.store.Prune(r.Context(), serials)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, pruned)
}

// readSerials reads the body of postArchive and postPrune.
func readSerials(w http.ResponseWriter, r *http.Request) ([]string, error) {
	body, err := drf.Decode(w, r)
	if err != nil {
		return nil, err
	}
	serials := body.Texts("serial_numbers", drf.List{Max: maxSerials})
	if len(serials) == 0 && !body.Failed("serial_numbers") {
		body.Fail("serial_numbers", "Ensure this field has at least 1 elements.")
	}
	return serials, body.Err()
}

// checkTaxonomy says what is wrong with the name of a taxonomy that is the key of an object.
func checkTaxonomy(name string) string {
	switch {
	case strings.TrimSpace(name) == "":
		return "This field may not be blank."
	case strings.ContainsRune(name, 0):
		return "Null characters are not allowed."
	case utf8.RuneCountInString(name) > maxTagName:
		return "Ensure this field has no more than 256 characters."
	}
	return ""
}
