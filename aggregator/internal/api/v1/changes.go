// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// change is what one commit did. The first one of a machine and source has no sections: it brought everything.
type change struct {
	Seq      int64           `json:"seq"`
	At       time.Time       `json:"at"`
	Root     string          `json:"root"` // afterwards
	Kinds    []string        `json:"kinds"`
	Sections []sectionChange `json:"sections"`
}

type changeList struct {
	Changes    []change `json:"changes"`
	NextCursor *string  `json:"next_cursor"`
}

// listChanges lists the changes of one source that are kept, the newest first.
func (a *API) listChanges(w http.ResponseWriter, r *http.Request) error {
	q, err := api.ParseQuery(r, "source", "since", "until", "cursor", "limit")
	if err != nil {
		return err
	}
	var f store.ChangeFilter
	if f.Since, err = q.Time("since"); err != nil {
		return err
	}
	if f.Until, err = q.Time("until"); err != nil {
		return err
	}
	if f.Limit, err = q.Limit(); err != nil {
		return err
	}
	_, h, err := a.head(r, q)
	if err != nil {
		return err
	}
	list := a.list(fmt.Sprintf("changes %d", h.ID))
	if err := api.DecodeCursor(list, q.Text("cursor"), &f.Before); err != nil {
		return err
	}
	found, err := a.store.ListChanges(r.Context(), h.ID, f)
	if err != nil {
		return err
	}
	answer := changeList{Changes: []change{}}
	for _, c := range found {
		sections, err := a.sectionChanges(r.Context(), c.Deltas)
		if err != nil {
			return fmt.Errorf("change %d: %w", c.Seq, err)
		}
		answer.Changes = append(answer.Changes, change{
			Seq: c.Seq, At: c.At.UTC(), Root: c.Root.String(), Kinds: shownKinds(c.Kinds), Sections: sections,
		})
	}
	answer.NextCursor = nextCursor(list, len(found), f.Limit, func() any { return found[len(found)-1].Seq })
	return answerJSON(w, r, answer)
}

// shownKinds leaves out the companion of the package sections, unless it is all that changed.
func shownKinds(kinds []string) []string {
	shown := slices.DeleteFunc(slices.Clone(kinds), func(kind string) bool { return kind == snapshot.KindInstallTimes })
	if len(shown) == 0 {
		return append([]string{}, kinds...)
	}
	return shown
}
