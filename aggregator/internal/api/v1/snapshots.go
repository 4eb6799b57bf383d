// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"net/http"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/tree"
)

// submitted is what a tree that came through the open door became.
type submitted struct {
	SerialNumber string `json:"serial_number"`
	Source       source `json:"source"`
	Root         string `json:"root"`
	Seq          int64  `json:"seq"`
	Changed      bool   `json:"changed"` // false: the same tree was there already
}

// postSnapshot commits one whole tree of any source: 201 when it is the first of its machine and source, else 200.
func (a *API) postSnapshot(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	give, err := a.trees.take(r.Context(), w)
	if err != nil {
		return err
	}
	defer give()
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyLimit)) // where it cannot be set, the server's holds
	limits := tree.DefaultLimits()
	raw, err := api.ReadJSON(w, r, int64(limits.Bytes))
	if err != nil {
		return err
	}
	parsed, err := tree.Parse(raw, limits)
	if err != nil {
		return err
	}
	result, err := a.committer.Submit(r.Context(), parsed)
	if err != nil {
		return err
	}
	code := http.StatusOK
	if result.Seq == 1 && result.Changed {
		code = http.StatusCreated
		w.Header().Set("Location", "/api/v1/machines/"+api.URLSafeSerial(parsed.SerialNumber))
	}
	answer := submitted{
		SerialNumber: parsed.SerialNumber, Source: source{Module: parsed.Source.Module, Name: parsed.Source.Name},
		Root: result.Root.String(), Seq: result.Seq, Changed: result.Changed,
	}
	if parsed.Source.Config != "" {
		answer.Source.Config = []byte(parsed.Source.Config)
	}
	return api.WriteJSON(w, code, answer)
}
