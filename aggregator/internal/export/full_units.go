// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// reportedUnit is a business unit as a snapshot names it.
type reportedUnit struct {
	Source struct {
		Module string          `json:"module"`
		Name   string          `json:"name"`
		Config json.RawMessage `json:"config"`
	} `json:"source"`
	Reference string `json:"reference"`
	Name      string `json:"name"`
}

// source returns the id of a source, after its line.
func (w *fullWriter) source(ctx context.Context, id int32) (int64, error) {
	if _, known := w.sources[id]; !known {
		all, err := w.store.Sources(ctx)
		if err != nil {
			return 0, err
		}
		for _, one := range all {
			w.sources[one.ID] = one
		}
	}
	one := w.sources[id]
	return int64(id), w.small("source", int64(id), func(o *objectWriter) {
		o.textOrNull("module", one.Module)
		o.textOrNull("name", one.Name)
	})
}

// unit returns the id of the business unit that a snapshot names, after its lines; 0 when it names none.
func (w *fullWriter) unit(ctx context.Context, sections pack.Sections, named *reportedUnit) (int64, error) {
	if named == nil {
		body, err := w.reportedUnit(ctx, sections)
		if err != nil || body == nil {
			return 0, err
		}
		named = &reportedUnit{}
		_ = json.Unmarshal(body, named) // what it lacks finds no unit
	}
	reported := store.ReportedUnit{
		Source:    store.Source{Module: named.Source.Module, Name: named.Source.Name, Config: string(named.Source.Config)},
		Reference: named.Reference, Name: named.Name,
	}
	key := reported.Key()
	unit, err := w.unitOf(ctx, key)
	if err != nil || unit.ID == 0 {
		return 0, err
	}
	err = w.small("meta_business_unit", unit.Meta.ID, func(o *objectWriter) { o.textOrNull("name", unit.Meta.Name) })
	if err != nil {
		return 0, err
	}
	return unit.ID, w.small("business_unit", unit.ID, func(o *objectWriter) {
		o.text("key", key)
		o.textOrNull("source_module", unit.Reported.Source.Module)
		o.textOrNull("source_name", unit.Reported.Source.Name)
		o.textOrNull("reference", unit.Reported.Reference)
		o.textOrNull("name", unit.Reported.Name)
		o.int("meta_business_unit_id", unit.Meta.ID)
	})
}

// reportedUnit returns the business unit that a source reported as a fact; nil when it did not.
func (w *fullWriter) reportedUnit(ctx context.Context, sections pack.Sections) ([]byte, error) {
	s := sections["business_unit"]
	if s == nil || len(s.IDs) == 0 {
		return onlyFact(sections, "business_unit"), nil
	}
	bodies, err := w.store.ExportBodies(ctx, s.IDs[:1])
	return bodies[s.IDs[0]].Body, err
}

// unitOf finds a unit by its key; the zero FleetUnit says that it has no row.
func (w *fullWriter) unitOf(ctx context.Context, key string) (store.FleetUnit, error) {
	if unit, known := w.units[key]; known {
		return unit, nil
	}
	const page = 1000
	last := int64(0)
	for {
		units, err := w.store.BusinessUnits(ctx, last, page)
		if err != nil {
			return store.FleetUnit{}, err
		}
		for _, unit := range units {
			w.units[unit.Reported.Key()] = unit
			last = unit.ID
		}
		if len(units) < page {
			break
		}
	}
	unit := w.units[key]
	w.units[key] = unit // one without a row is not looked for again
	return unit, nil
}

// small writes a line of a model that has few, once.
func (w *fullWriter) small(model string, id int64, fields func(*objectWriter)) error {
	if w.written[writtenRow{model, id}] {
		return nil
	}
	w.written[writtenRow{model, id}] = true
	var line bytes.Buffer
	o := objectWriter{out: &line}
	o.int("id", id)
	fields(&o)
	o.end()
	line.WriteByte('\n')
	return w.files.add(model, line.Bytes())
}
