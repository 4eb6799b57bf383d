// SPDX-License-Identifier: Apache-2.0

// Package export writes the fleet's facts as tables: one file per dataset. It streams: it holds a few machines and a
// bounded number of decoded facts, however large the fleet is. It refuses to know formats: package table does.
package export

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/table"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// Filter chooses what is exported; the zero Filter chooses everything.
type Filter struct {
	Source string     // name, in any case
	Scope  auth.Scope // machines that may be told of

	After *store.StreamKey // go on behind this machine and source; nil: from the beginning
	// Reached is told now and then that the rows of a machine and source, and of all before, are written; nil: nobody
	// wants to know.
	Reached func(store.StreamKey) error
}

// reachedEvery is how many heads lie between two calls of Reached.
const reachedEvery = 100

// firstColumns are those of every table of facts; the kind's own follow.
var firstColumns = []string{"serial_number", "source_module", "source_name", "last_seen"}

// perSource is a table that goes to another file for each source.
type perSource interface {
	table.Writer
	// Source says what source the next rows are of.
	Source(name string) error
}

// exporter is one export under way.
type exporter struct {
	*kindTable
	store    *store.Store
	table    table.Writer
	encoder  table.Encoder // the table, when it is one and rows have encoded parts
	files    perSource     // the table, when it is one
	progress *progress
	facts    *catalogue
	found    []*fact // of the machine at hand
	rows     []*fact // the same in order
	cells    []table.Cell
}

// Facts writes one row for each fact of a kind on each machine, by source, then serial number, then name and version of
// the fact, and closes the table.
func Facts(ctx context.Context, s *store.Store, kind string, f Filter, w table.Writer) error {
	return writeFacts(ctx, s, kind, f, w, nil)
}

func writeFacts(ctx context.Context, s *store.Store, kind string, f Filter, w table.Writer, tell func(done, total int64)) error {
	t, err := tableOf(kind)
	if err != nil {
		return err
	}
	filter := store.StreamFilter{Source: f.Source, Scope: f.Scope, Kinds: []string{kind}, After: f.After}
	e := &exporter{kindTable: t, store: s, table: w, facts: newCatalogue(rememberedFacts)}
	if e.progress, err = newProgress(ctx, s, filter, tell); err != nil {
		return err
	}
	e.files, _ = w.(perSource)
	if e.timeColumn < 0 {
		e.encoder, _ = w.(table.Encoder)
	} else {
		filter.Kinds = append(filter.Kinds, snapshot.KindInstallTimes)
	}
	if err := w.Header(append(slices.Clone(firstColumns), e.columns...)); err != nil {
		return err
	}
	heads := 0
	err = s.StreamHeads(ctx, filter, func(h store.FleetHead) error {
		if err := e.head(ctx, h); err != nil {
			return err
		}
		if heads++; f.Reached == nil || heads%reachedEvery != 0 {
			return nil
		}
		return f.Reached(h.Key())
	})
	if err != nil {
		return fmt.Errorf("export %s: %w", kind, err)
	}
	e.progress.end()
	return w.Close()
}

// head writes the rows of one machine and source.
func (e *exporter) head(ctx context.Context, h store.FleetHead) error {
	defer func() { e.progress.head(len(e.found)) }()
	e.found = e.found[:0]
	section := h.Sections[e.kind]
	if section == nil || len(section.IDs)+len(section.Facts) == 0 {
		return nil
	}
	if err := e.collect(ctx, section); err != nil {
		return fmt.Errorf("machine %s: %w", h.Serial, err)
	}
	if e.timeColumn >= 0 {
		e.joinTimes(h.Sections[snapshot.KindInstallTimes])
	}
	if e.files != nil {
		if err := e.files.Source(h.Source.Name); err != nil {
			return err
		}
	}
	e.rows = e.facts.inOrder(e.rows[:0], e.found)
	e.cells = append(e.cells[:0], table.Text(h.Serial), table.Text(h.Source.Module), table.Text(h.Source.Name), table.Time(h.LastSeen))
	if e.encoder != nil {
		return e.join()
	}
	for _, row := range e.rows {
		e.cells = append(e.cells[:len(firstColumns)], row.cells...)
		if e.timeColumn >= 0 && row.seconds != snapshot.NoTime {
			e.cells[len(firstColumns)+e.timeColumn] = table.Time(time.Unix(row.seconds, 0))
		}
		if err := e.table.Row(e.cells); err != nil {
			return err
		}
	}
	return nil
}

// joinTimes gives the facts at hand the times that they came to their machine.
func (e *exporter) joinTimes(times *pack.Section) {
	slices.SortFunc(e.found, func(a, b *fact) int { return a.digest.Compare(b.digest) })
	section := &snapshot.Section{Kind: e.kind, Assets: make([]snapshot.Asset, len(e.found))}
	for i, f := range e.found {
		section.Assets[i].Digest = f.digest
	}
	var buckets *snapshot.Section
	if times != nil {
		buckets = &snapshot.Section{Kind: snapshot.KindInstallTimes, Assets: times.Facts}
	}
	for i, seconds := range snapshot.JoinTimes(section, buckets) {
		e.found[i].seconds = seconds
	}
}

// join writes the rows from parts that were encoded before.
func (e *exporter) join() error {
	first := e.encoder.Encode(e.cells)
	for _, row := range e.rows {
		if err := e.encoder.Join(first, row.encoded); err != nil {
			return err
		}
	}
	return nil
}

// collect finds the decoded facts of a section.
func (e *exporter) collect(ctx context.Context, section *pack.Section) error {
	var unknown []int64
	for _, id := range section.IDs {
		if known, ok := e.facts.byID[id]; ok {
			e.found = append(e.found, known)
			continue
		}
		unknown = append(unknown, id)
	}
	if err := e.load(ctx, unknown); err != nil {
		return err
	}
	for _, own := range section.Facts {
		f, err := e.factOf(0, own.Digest, own.Body)
		if err != nil {
			return err
		}
		e.found = append(e.found, f)
	}
	return nil
}

// load finds facts that have to be read from the dictionary.
func (e *exporter) load(ctx context.Context, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	bodies, err := e.store.ExportBodies(ctx, ids)
	if err != nil {
		return err
	}
	loaded := make([]*fact, len(ids))
	for i, id := range ids {
		if loaded[i], err = e.factOf(id, bodies[id].Digest, bodies[id].Body); err != nil {
			return fmt.Errorf("asset %d: %w", id, err)
		}
	}
	e.facts.add(loaded)
	e.found = append(e.found, loaded...)
	return nil
}

// factOf decodes a fact into what its rows need.
func (e *exporter) factOf(id int64, digest asset.Digest, body []byte) (*fact, error) {
	decoded, err := e.decode(body)
	if err != nil {
		return nil, err
	}
	decoded.id, decoded.digest, decoded.seconds = id, digest, snapshot.NoTime
	if e.encoder != nil {
		decoded.encoded, decoded.cells = e.encoder.Encode(decoded.cells), nil
	}
	return &decoded, nil
}
