// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// EventMachine is what events say of their machine.
type EventMachine struct {
	ID     int64
	Serial string
	Tags   []EventTag  // by id
	Heads  []EventHead // the live ones, the one seen last behind the others
}

// EventTag is a tag with its name.
type EventTag struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// EventHead is what one source says of a machine.
type EventHead struct {
	ID       int64
	Source   Source
	Summary  Summary
	Unit     *ReportedUnit // nil: none
	OwnUnit  bool          // the unit is that of the machine's enrolment
	UnitMeta BusinessUnit  // that the unit belongs to; zero: none
	User     PrincipalUser
	Groups   []ReportedUnit // groups are named like business units; by their bodies
}

const (
	eventMachinesSQL = `SELECT id, serial_number FROM machine WHERE id = ANY ($1)`
	eventTagsSQL     = `
SELECT m.machine, t.id, t.name FROM machine_tag m JOIN tag t ON t.id = m.tag WHERE m.machine = ANY ($1) ORDER BY m.machine, t.id`
	eventHeadsSQL = `
SELECT h.machine, h.id, s.id, s.module, s.name, s.config, coalesce(u.computer_name, ''), coalesce(u.platform, ''),
       coalesce(u.type, ''), coalesce(u.os_version, ''), coalesce(p.unique_id, ''), coalesce(p.principal_name, ''),
       b.id IS NOT NULL, coalesce(b.source_module, ''), coalesce(b.source_name, ''), coalesce(b.source_config, ''),
       coalesce(b.reference, ''), coalesce(b.name, ''), coalesce(x.id, 0), coalesce(x.name, '')
FROM head h
JOIN source s ON s.id = h.source
LEFT JOIN head_summary u ON u.head = h.id
LEFT JOIN head_principal_user p ON p.head = h.id
LEFT JOIN business_unit b ON b.id = u.business_unit
LEFT JOIN meta_business_unit x ON x.id = b.meta_business_unit
WHERE h.machine = ANY ($1) AND h.archived_at IS NULL
ORDER BY h.machine, h.last_seen, h.id`
)

// EventMachines returns what events say of machines, in a few queries for all of them. Without groups none are read.
func (s *Store) EventMachines(ctx context.Context, ids []int64, groups bool) (map[int64]*EventMachine, error) {
	found := make(map[int64]*EventMachine, len(ids))
	read := eventMachines{found: found, heads: map[int64]*EventHead{}}
	for _, step := range []func(context.Context, *Store, []int64) error{read.machines, read.tags, read.sources} {
		if err := step(ctx, s, ids); err != nil {
			return nil, fmt.Errorf("machines of events: %w", err)
		}
	}
	if groups {
		if err := read.groups(ctx, s); err != nil {
			return nil, fmt.Errorf("groups of machines: %w", err)
		}
	}
	return found, nil
}

// eventMachines is one answer of EventMachines in the making.
type eventMachines struct {
	found map[int64]*EventMachine
	heads map[int64]*EventHead
}

func (r *eventMachines) machines(ctx context.Context, s *Store, ids []int64) error {
	rows, _ := s.pool.Query(ctx, eventMachinesSQL, ids) // its error comes back from ForEachRow
	var m EventMachine
	_, err := pgx.ForEachRow(rows, []any{&m.ID, &m.Serial}, func() error {
		machine := m
		r.found[m.ID] = &machine
		return nil
	})
	return err
}

func (r *eventMachines) tags(ctx context.Context, s *Store, ids []int64) error {
	rows, _ := s.pool.Query(ctx, eventTagsSQL, ids) // its error comes back from ForEachRow
	var machine int64
	var tag EventTag
	_, err := pgx.ForEachRow(rows, []any{&machine, &tag.ID, &tag.Name}, func() error {
		if m := r.found[machine]; m != nil {
			m.Tags = append(m.Tags, tag)
		}
		return nil
	})
	return err
}

func (r *eventMachines) sources(ctx context.Context, s *Store, ids []int64) error {
	rows, _ := s.pool.Query(ctx, eventHeadsSQL, ids) // its error comes back from ForEachRow
	var machine int64
	var h EventHead
	var unit ReportedUnit
	var hasUnit bool
	_, err := pgx.ForEachRow(rows, []any{
		&machine, &h.ID, &h.Source.ID, &h.Source.Module, &h.Source.Name, &h.Source.Config, &h.Summary.ComputerName,
		&h.Summary.Platform, &h.Summary.Type, &h.Summary.OSVersion, &h.User.UniqueID, &h.User.PrincipalName,
		&hasUnit, &unit.Source.Module, &unit.Source.Name, &unit.Source.Config, &unit.Reference, &unit.Name,
		&h.UnitMeta.ID, &h.UnitMeta.Name,
	}, func() error {
		head := h
		if hasUnit {
			named := unit
			head.Unit, head.OwnUnit = &named, named.metaUnit() != 0
		}
		if m := r.found[machine]; m != nil {
			m.Heads = append(m.Heads, head)
		}
		return nil
	})
	for _, m := range r.found {
		for i := range m.Heads {
			r.heads[m.Heads[i].ID] = &m.Heads[i]
		}
	}
	return err
}

func (r *eventMachines) groups(ctx context.Context, s *Store) error {
	const kind = "groups"
	heads := slices.Sorted(maps.Keys(r.heads))
	for some := range slices.Chunk(heads, 10*streamBatch) {
		folded, err := foldHeads(ctx, s.pool, some, []string{kind})
		if err != nil {
			return err
		}
		var ids []int64
		for _, sections := range folded {
			if section := sections[kind]; section != nil {
				ids = append(ids, section.IDs...)
			}
		}
		bodies, err := s.SharedBodies(ctx, ids)
		if err != nil {
			return err
		}
		for _, head := range some {
			if section := folded[head][kind]; section != nil {
				for _, id := range section.IDs {
					r.heads[head].addGroup(bodies[id].Body)
				}
			}
		}
	}
	return nil
}

// addGroup adds a group as it stands in a tree; one of an unexpected form is passed over.
func (h *EventHead) addGroup(body []byte) {
	var group struct {
		Source struct {
			Module string          `json:"module"`
			Name   string          `json:"name"`
			Config json.RawMessage `json:"config"`
		} `json:"source"`
		Reference string `json:"reference"`
		Name      string `json:"name"`
	}
	if json.Unmarshal(body, &group) != nil {
		return
	}
	h.Groups = append(h.Groups, ReportedUnit{
		Source:    Source{Module: group.Source.Module, Name: group.Source.Name, Config: string(group.Source.Config)},
		Reference: group.Reference, Name: group.Name,
	})
}
