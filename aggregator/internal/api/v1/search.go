// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"math"
	"net/http"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
)

// Bounds of a search.
const (
	maxSearchBytes = 200
	maxHits        = 100
	defaultHits    = 20
)

// hit is a machine or a piece of software.
type hit struct {
	Type    string  `json:"type"` // machine, software
	Score   float64 `json:"score"`
	Matched string  `json:"matched"`

	Machine  *machine     `json:"machine"`
	Software *softwareHit `json:"software"`
}

type softwareHit struct {
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	Machines int    `json:"machines"`
}

type hitList struct {
	Results []hit `json:"results"`
}

// search finds names that may be misspelt.
func (a *API) search(w http.ResponseWriter, r *http.Request) error {
	q, err := api.ParseQuery(r, "q", "type", "limit")
	if err != nil {
		return err
	}
	wanted := index.Search{Text: strings.TrimSpace(q.Text("q")), Scope: auth.ReachOf(r.Context()), Limit: defaultHits}
	if len(wanted.Text) == 0 || len(wanted.Text) > maxSearchBytes {
		return api.Refuse(http.StatusBadRequest, "q: needed, a name of at most %d bytes", maxSearchBytes)
	}
	if q.Text("limit") != "" {
		if wanted.Limit, err = q.Limit(); err != nil {
			return err
		}
		if wanted.Limit > maxHits {
			return api.Refuse(http.StatusBadRequest, "limit: a number from 1 to %d", maxHits)
		}
	}
	switch q.Text("type") {
	case "":
		wanted.Machines, wanted.Software = true, true
	case "machine":
		wanted.Machines = true
	case "software":
		wanted.Software = true
	default:
		return api.Refuse(http.StatusBadRequest, "type: machine or software")
	}
	if err := a.freshIndex(r.Context()); err != nil {
		return notBuilt(w, err)
	}
	found, err := a.index.Search(wanted)
	if err != nil {
		return notBuilt(w, err)
	}
	answer := hitList{Results: []hit{}}
	for _, f := range found {
		h := hit{Type: "software", Score: math.Round(f.Score*1000) / 1000, Matched: f.Matched}
		if f.Machine != nil {
			m := machineOf(*f.Machine)
			h.Type, h.Machine = "machine", &m
		} else {
			h.Software = &softwareHit{Kind: f.Kind, Name: f.Name, Machines: f.Machines}
		}
		answer.Results = append(answer.Results, h)
	}
	return answerJSON(w, r, answer)
}
