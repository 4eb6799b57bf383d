// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/notify"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	maxProbeBytes       = 256 << 10
	maxProbeDescription = 10_000 // bytes
	// bothSecrets is how long a secret that was replaced signs too.
	bothSecrets = 24 * time.Hour
)

// probe is a probe as clients see it. Its secret is in the answer that makes it, and nowhere else.
type probe struct {
	ID                  int64        `json:"id"`
	Name                string       `json:"name"`
	Description         string       `json:"description"`
	Enabled             bool         `json:"enabled"`
	URL                 string       `json:"url"`
	Filter              event.Filter `json:"filter"`
	Sink                string       `json:"sink"`
	Secret              string       `json:"secret,omitempty"`
	PreviousSecretUntil *time.Time   `json:"previous_secret_until"`
	CreatedAt           time.Time    `json:"created_at"`
	UpdatedAt           time.Time    `json:"updated_at"`
}

type probeList struct {
	Probes     []probe `json:"probes"`
	NextCursor *string `json:"next_cursor"`
}

// newProbe is what a client says about a probe.
type newProbe struct {
	Name        string       `json:"name"`
	Description string       `json:"description"`
	Enabled     *bool        `json:"enabled"`
	URL         string       `json:"url"`
	Filter      event.Filter `json:"filter"`
}

func probeOf(p *store.Probe) probe {
	out := probe{
		ID: p.ID, Name: p.Name, Description: p.Description, Enabled: p.Enabled, URL: p.URL, Filter: p.Filter, Sink: p.SinkName(),
		CreatedAt: p.CreatedAt.UTC(), UpdatedAt: p.UpdatedAt.UTC(),
	}
	if p.PreviousUntil.After(time.Now()) {
		until := p.PreviousUntil.UTC()
		out.PreviousSecretUntil = &until
	}
	return out
}

// decodeProbe reads and checks the body of a request.
func decodeProbe(w http.ResponseWriter, r *http.Request) (store.Probe, error) {
	if _, err := api.ParseQuery(r); err != nil {
		return store.Probe{}, err
	}
	var body newProbe
	if err := api.DecodeJSON(w, r, maxProbeBytes, &body); err != nil {
		return store.Probe{}, err
	}
	p := store.Probe{
		Name: strings.TrimSpace(body.Name), Description: body.Description, Enabled: body.Enabled == nil || *body.Enabled,
		URL: body.URL, Filter: body.Filter,
	}
	problems := compliance.FieldErrors{}
	if text := wrongWord(p.Name); text != "" {
		problems["name"] = []string{text}
	}
	if len(p.Description) > maxProbeDescription || strings.ContainsRune(p.Description, 0) || !utf8.ValidString(p.Description) {
		problems["description"] = []string{fmt.Sprintf("Text of at most %d bytes.", maxProbeDescription)}
	}
	if err := notify.CheckURL(p.URL); err != nil {
		problems["url"] = []string{fmt.Sprintf("It is %v.", err)}
	}
	if _, err := p.Filter.Compile(); err != nil {
		wrong, ok := errors.AsType[compliance.FieldErrors](err)
		if !ok {
			return store.Probe{}, err
		}
		for field, texts := range wrong {
			problems["filter."+field] = texts
		}
	}
	if len(problems) > 0 {
		return store.Probe{}, problems
	}
	return p, nil
}

// refusedProbe words why the store did not take a probe.
func refusedProbe(err error) error {
	if errors.Is(err, store.ErrExists) {
		return compliance.FieldErrors{"name": {"There is a probe with this name already."}}
	}
	return err
}

// postProbe creates a probe and shows its secret, this once.
func (a *API) postProbe(w http.ResponseWriter, r *http.Request) error {
	p, err := decodeProbe(w, r)
	if err != nil {
		return err
	}
	p.Secret = notify.NewSecret()
	created, err := a.store.CreateProbe(r.Context(), p)
	if err != nil {
		return refusedProbe(err)
	}
	w.Header().Set("Location", fmt.Sprintf("/api/v1/probes/%d", created.ID))
	return showSecret(w, http.StatusCreated, &created)
}

// postProbeSecret gives a probe another secret and shows it, this once.
func (a *API) postProbeSecret(w http.ResponseWriter, r *http.Request) error {
	id, err := plainID(r)
	if err != nil {
		return err
	}
	changed, err := a.store.RotateProbeSecret(r.Context(), id, notify.NewSecret(), bothSecrets)
	if err != nil {
		return err
	}
	return showSecret(w, http.StatusOK, &changed)
}

func showSecret(w http.ResponseWriter, status int, p *store.Probe) error {
	shown := probeOf(p)
	shown.Secret = p.Secret
	w.Header().Set("Cache-Control", "no-store")
	return api.WriteJSON(w, status, shown)
}

// putProbe replaces a probe but for its secret: what the body leaves out is as in a new one.
func (a *API) putProbe(w http.ResponseWriter, r *http.Request) error {
	p, err := decodeProbe(w, r)
	if err != nil {
		return err
	}
	if p.ID, err = pathID(r); err != nil {
		return err
	}
	changed, err := a.store.UpdateProbe(r.Context(), p)
	if err != nil {
		return refusedProbe(err)
	}
	return api.WriteJSON(w, http.StatusOK, probeOf(&changed))
}

func (a *API) getProbe(w http.ResponseWriter, r *http.Request) error {
	id, err := plainID(r)
	if err != nil {
		return err
	}
	p, err := a.store.Probe(r.Context(), id)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, probeOf(&p))
}

func (a *API) listProbes(w http.ResponseWriter, r *http.Request) error {
	list := a.list("probes")
	var after int64
	limit, err := readPage(r, list, &after)
	if err != nil {
		return err
	}
	found, err := a.store.Probes(r.Context(), after, limit)
	if err != nil {
		return err
	}
	answer := probeList{Probes: []probe{}}
	for i := range found {
		answer.Probes = append(answer.Probes, probeOf(&found[i]))
	}
	answer.NextCursor = nextCursor(list, len(found), limit, func() any { return found[len(found)-1].ID })
	return api.WriteJSON(w, http.StatusOK, answer)
}

// deleteProbe deletes a probe, and its dead letters.
func (a *API) deleteProbe(w http.ResponseWriter, r *http.Request) error {
	id, err := plainID(r)
	if err != nil {
		return err
	}
	if err := a.store.DeleteProbe(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// probeTest is what a receiver said to a test.
type probeTest struct {
	Delivered bool    `json:"delivered"`
	Status    *int    `json:"status"`
	Error     string  `json:"error"`
	Seconds   float64 `json:"seconds"`
}

// postProbeTest sends the receiver of a probe one event, and answers what it said.
func (a *API) postProbeTest(w http.ResponseWriter, r *http.Request) error {
	id, err := plainID(r)
	if err != nil {
		return err
	}
	p, err := a.store.Probe(r.Context(), id)
	if err != nil {
		return err
	}
	got := notify.Test(r.Context(), &p)
	answer := probeTest{Delivered: got.Delivered, Error: got.Error, Seconds: got.Took.Seconds()}
	if got.Status != 0 {
		answer.Status = &got.Status
	}
	return api.WriteJSON(w, http.StatusOK, answer)
}
