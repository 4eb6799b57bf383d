// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/tree"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// getSnapshot answers with the normalised tree itself, as it is or as it was at a moment.
func (a *API) getSnapshot(w http.ResponseWriter, r *http.Request) error {
	q, err := api.ParseQuery(r, "source", "at")
	if err != nil {
		return err
	}
	at, err := q.Time("at")
	if err != nil {
		return err
	}
	d, h, err := a.head(r, q)
	if err != nil {
		return err
	}
	moment, err := a.moment(r.Context(), h, at)
	if err != nil {
		return err
	}
	tag := fmt.Sprintf(`"%d-%d-%s"`, h.ID, moment.Seq, moment.Root)
	if notModified(w, r, tag) {
		return nil
	}
	body, err := a.tree(r.Context(), d.SerialNumber, h, moment)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	_, err = w.Write(body)
	return err
}

// moment returns what the head held at a time, the zero time being now.
func (a *API) moment(ctx context.Context, h store.HeadDetail, at time.Time) (store.Moment, error) {
	if !at.IsZero() && at.Before(h.FirstAt) {
		return store.Moment{}, api.Refuse(http.StatusNotFound, "There was no snapshot yet: the first is of %s.", stamp(h.FirstAt))
	}
	return a.store.SectionsAt(ctx, h.ID, at)
}

// tree writes the tree of a moment. Bodies of private kinds are in the sections, the others come from the dictionary.
func (a *API) tree(ctx context.Context, serial string, h store.HeadDetail, m store.Moment) ([]byte, error) {
	sections := snapshot.Sections{}
	for kind, stored := range m.Sections {
		if kind == pack.KindAdded {
			continue
		}
		loaded, err := a.store.LoadSection(ctx, stored)
		if err != nil {
			return nil, fmt.Errorf("section %s: %w", kind, err)
		}
		sections[kind] = loaded
	}
	added := commit.AddedOf(m.Sections)
	return tree.JSON(sections, tree.Added{
		Source:       tree.Source{Module: h.Source.Module, Name: h.Source.Name, Config: h.Source.Config},
		SerialNumber: serial, Reference: added.Reference, PublicIP: added.PublicIP,
		Platform: added.Platform, Type: added.Type, BusinessUnit: added.BusinessUnit,
	})
}

// matches reports whether If-None-Match names the tag.
func matches(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == tag || candidate == "*" {
			return true
		}
	}
	return false
}
