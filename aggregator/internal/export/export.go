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

// fact is one decoded asset.
type fact struct {
	name, version string
	cells         []table.Cell
}

// rememberedFacts bounds the decoded facts in memory, some 600 bytes each.
const rememberedFacts = 100_000

// exporter is one export under way.
type exporter struct {
	dataset
	store *store.Store
	table table.Writer
	facts map[int64]*fact // decoded, by dictionary id
	rows  []*fact         // of the machine at hand
	cells []table.Cell
}

// write streams the dataset: by source, then serial number, then name and version of the fact.
func (d dataset) write(ctx context.Context, s *store.Store, f Filter, w table.Writer) error {
	e := &exporter{dataset: d, store: s, table: w, facts: map[int64]*fact{}}
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
	slices.SortFunc(e.rows, func(a, b *fact) int { return a.compare(b) })
	e.cells = append(e.cells[:0], table.Text(h.Serial), table.Text(h.Source.Module), table.Text(h.Source.Name), table.Time(h.LastSeen))
	for _, row := range e.rows {
		e.cells = append(e.cells[:len(firstColumns)], row.cells...)
		if err := e.table.Row(e.cells); err != nil {
			return err
		}
	}
	return nil
}

// collect fills rows with the decoded facts of a section.
func (e *exporter) collect(ctx context.Context, section *pack.Section) error {
	e.rows = e.rows[:0]
	var unknown []int64
	for _, id := range section.IDs {
		if known, ok := e.facts[id]; ok {
			e.rows = append(e.rows, known)
			continue
		}
		unknown = append(unknown, id)
	}
	for _, own := range section.Facts {
		if err := e.add(own.Body, nil); err != nil {
			return err
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	bodies, err := e.store.BodiesOf(ctx, unknown)
	if err != nil {
		return err
	}
	if len(e.facts)+len(unknown) > rememberedFacts {
		clear(e.facts)
	}
	for _, id := range unknown {
		if err := e.add(bodies[id].Body, func(f *fact) { e.facts[id] = f }); err != nil {
			return fmt.Errorf("asset %d: %w", id, err)
		}
	}
	return nil
}

func (e *exporter) add(body []byte, remember func(*fact)) error {
	decoded, err := e.decode(body)
	if err != nil {
		return err
	}
	e.rows = append(e.rows, &decoded)
	if remember != nil {
		remember(&decoded)
	}
	return nil
}
