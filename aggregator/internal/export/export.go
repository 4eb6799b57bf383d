// SPDX-License-Identifier: Apache-2.0

// Package export writes the fleet's facts as tables: one file per dataset. It streams: it holds a few machines and a
// bounded number of decoded facts, however large the fleet is. It refuses to know formats: package table does.
package export

import (
	"context"
	"fmt"
	"slices"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/table"
)

// Filter chooses what is exported; the zero Filter chooses everything.
type Filter struct {
	Source string // name, in any case
}

// firstColumns are those of every dataset of facts; the dataset's own follow.
var firstColumns = []string{"serial_number", "source_module", "source_name", "last_seen"}

// dataset is a table with one row for each fact of a kind on each machine.
type dataset struct {
	kind    string
	columns []string // behind the first ones
	// decode returns the cells of a fact, one for each column, and what rows of a machine are ordered by.
	decode func(body []byte) (fact, error)
}

// exporter is one export under way.
type exporter struct {
	dataset
	store   *store.Store
	table   table.Writer
	encoder table.Encoder // the table, when it is one
	facts   *catalogue
	found   []*fact // of the machine at hand
	rows    []*fact // the same in order
	cells   []table.Cell
}

// write streams the dataset: by source, then serial number, then name and version of the fact.
func (d dataset) write(ctx context.Context, s *store.Store, f Filter, w table.Writer) error {
	e := &exporter{dataset: d, store: s, table: w, facts: newCatalogue(rememberedFacts)}
	e.encoder, _ = w.(table.Encoder)
	if err := w.Header(append(slices.Clone(firstColumns), d.columns...)); err != nil {
		return err
	}
	filter := store.StreamFilter{Source: f.Source, Kinds: []string{d.kind}}
	err := s.StreamHeads(ctx, filter, func(h store.FleetHead) error { return e.head(ctx, h) })
	if err != nil {
		return fmt.Errorf("export %s: %w", d.kind, err)
	}
	return w.Close()
}

// head writes the rows of one machine and source.
func (e *exporter) head(ctx context.Context, h store.FleetHead) error {
	section := h.Sections[e.kind]
	if section == nil {
		return nil
	}
	if err := e.collect(ctx, section); err != nil {
		return fmt.Errorf("machine %s: %w", h.Serial, err)
	}
	e.rows = e.facts.inOrder(e.rows[:0], e.found)
	e.cells = append(e.cells[:0], table.Text(h.Serial), table.Text(h.Source.Module), table.Text(h.Source.Name), table.Time(h.LastSeen))
	if e.encoder != nil {
		return e.join()
	}
	for _, row := range e.rows {
		e.cells = append(e.cells[:len(firstColumns)], row.cells...)
		if err := e.table.Row(e.cells); err != nil {
			return err
		}
	}
	return nil
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
	e.found = e.found[:0]
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
		f, err := e.factOf(0, own.Body)
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
		if loaded[i], err = e.factOf(id, bodies[id].Body); err != nil {
			return fmt.Errorf("asset %d: %w", id, err)
		}
	}
	e.facts.add(loaded)
	e.found = append(e.found, loaded...)
	return nil
}

// factOf decodes a fact into what its rows need.
func (e *exporter) factOf(id int64, body []byte) (*fact, error) {
	decoded, err := e.decode(body)
	if err != nil {
		return nil, err
	}
	decoded.id = id
	if e.encoder != nil {
		decoded.encoded, decoded.cells = e.encoder.Encode(decoded.cells), nil
	}
	return &decoded, nil
}
