// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"context"
	"net/http"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// comparison is the difference between two snapshots of one moment: what is only on the right was added, what is only on
// the left was removed.
type comparison struct {
	Left     compared        `json:"left"`
	Right    compared        `json:"right"`
	Sections []sectionChange `json:"sections"`
}

type compared struct {
	SerialNumber string `json:"serial_number"`
	Source       source `json:"source"`
	Snapshot     point  `json:"snapshot"`
}

// side is one snapshot to compare.
type side struct {
	machine store.MachineDetail
	head    store.HeadDetail
}

// compareSources compares what two sources say of one machine.
func (a *API) compareSources(w http.ResponseWriter, r *http.Request, q api.Query) error {
	at, err := q.Time("at")
	if err != nil {
		return err
	}
	for _, other := range []string{"from", "to"} {
		if q.Text(other) != "" {
			return api.Refuse(http.StatusBadRequest, "%s: not together with against; at is the moment of both sources", other)
		}
	}
	d, left, err := a.head(r, q)
	if err != nil {
		return err
	}
	right, err := choose(d.Heads, q.Text("against"))
	if err != nil {
		return err
	}
	return a.compare(w, r, side{d, left}, side{d, right}, at)
}

// compareMachines compares two machines, each as one of its sources has it.
func (a *API) compareMachines(w http.ResponseWriter, r *http.Request) error {
	q, err := api.ParseQuery(r, "left", "right", "left_source", "right_source", "at")
	if err != nil {
		return err
	}
	at, err := q.Time("at")
	if err != nil {
		return err
	}
	left, err := a.side(r.Context(), q, "left")
	if err != nil {
		return err
	}
	right, err := a.side(r.Context(), q, "right")
	if err != nil {
		return err
	}
	return a.compare(w, r, left, right, at)
}

func (a *API) side(ctx context.Context, q api.Query, name string) (side, error) {
	if q.Text(name) == "" {
		return side{}, api.Refuse(http.StatusBadRequest, "%s: needed, a serial number", name)
	}
	d, err := a.machineNamed(ctx, q.Text(name))
	if err != nil {
		return side{}, err
	}
	h, err := choose(d.Heads, q.Text(name+"_source"))
	return side{d, h}, err
}

func (a *API) compare(w http.ResponseWriter, r *http.Request, left, right side, at time.Time) error {
	before, err := a.moment(r.Context(), left.head, at)
	if err != nil {
		return err
	}
	after, err := a.moment(r.Context(), right.head, at)
	if err != nil {
		return err
	}
	sections, err := a.sectionChanges(r.Context(), deltasOf(before.Sections, after.Sections))
	if err != nil {
		return err
	}
	return answerJSON(w, r, comparison{Left: left.at(before), Right: right.at(after), Sections: sections})
}

func (s *side) at(m store.Moment) compared {
	return compared{SerialNumber: s.machine.SerialNumber, Source: sourceOf(s.head.Source), Snapshot: pointOf(m)}
}
