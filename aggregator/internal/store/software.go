// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// SoftwareFilter chooses software; zero fields choose all.
type SoftwareFilter struct {
	Kind  string     // a shared kind, for example deb_packages; needed
	Query string     // part of the name, in any case
	After *Software  // last one of the page before, which may have neither name nor version; nil: the first page
	Limit int        // at most so many; needed
	Scope auth.Scope // of the machines that count
}

// Software is a name and version, and how many machines have it.
type Software struct {
	Name     string
	Version  string
	Machines int
}

// SoftwareCounts counts the known machines that have each name and version of a kind, by name and then by version. A
// machine counts once, however many of its sources report the software and in whatever builds. It reads every live
// head, and keeps one entry for each name and version in memory.
func (s *Store) SoftwareCounts(ctx context.Context, f SoftwareFilter) ([]Software, error) {
	c, err := s.newSoftwareCounter(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("software of %s: %w", f.Kind, err)
	}
	if len(c.groups) > 0 {
		if err := s.eachMachineHead(ctx, f, c.add); err != nil {
			return nil, fmt.Errorf("software of %s: %w", f.Kind, err)
		}
	}
	return c.page(f), nil
}

// softwareCounter counts machines for each name and version.
type softwareCounter struct {
	groupOf map[int64]int32 // by dictionary id
	groups  []Software
	counted []int64 // by group: the machine that was counted last
}

const softwareNamesSQL = `
SELECT id, name, version FROM asset
WHERE kind = $1 AND ($2 = '' OR strpos(lower(name), lower($2)) > 0)`

func (s *Store) newSoftwareCounter(ctx context.Context, f SoftwareFilter) (*softwareCounter, error) {
	c := &softwareCounter{groupOf: map[int64]int32{}}
	index := map[Software]int32{}
	rows, _ := s.pool.Query(ctx, softwareNamesSQL, f.Kind, f.Query) // its error comes back from ForEachRow
	var id int64
	var g Software
	_, err := pgx.ForEachRow(rows, []any{&id, &g.Name, &g.Version}, func() error {
		i, ok := index[g]
		if !ok {
			i = int32(len(c.groups))
			index[g] = i
			c.groups = append(c.groups, g)
		}
		c.groupOf[id] = i
		return nil
	})
	c.counted = make([]int64, len(c.groups))
	return c, err
}

// add counts what one head of a machine has; heads of a machine come one after the other.
func (c *softwareCounter) add(machine int64, ids []int64) {
	for _, id := range ids {
		i, ok := c.groupOf[id]
		if !ok || c.counted[i] == machine {
			continue
		}
		c.counted[i] = machine
		c.groups[i].Machines++
	}
}

// page returns what some machine has, in order.
func (c *softwareCounter) page(f SoftwareFilter) []Software {
	found := slices.DeleteFunc(c.groups, func(g Software) bool {
		return g.Machines == 0 || f.After != nil && compareSoftware(g, *f.After) <= 0
	})
	slices.SortFunc(found, compareSoftware)
	return found[:min(len(found), f.Limit)]
}

func compareSoftware(a, b Software) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
}

const machineHeadsSQL = `
SELECT id, machine, source FROM head
WHERE archived_at IS NULL AND (machine, source) > ($1, $2)
  AND ($4::bigint[] IS NULL OR EXISTS (SELECT FROM machine_tag t WHERE t.machine = head.machine AND t.tag = ANY ($4)))
ORDER BY machine, source
LIMIT $3`

// eachMachineHead hands the dictionary ids of the kind of every live head in the scope to fn, machine by machine.
func (s *Store) eachMachineHead(ctx context.Context, f SoftwareFilter, fn func(machine int64, ids []int64)) error {
	type machineHead struct {
		ID      int64
		Machine int64
		Source  int32
	}
	var last machineHead
	for {
		rows, _ := s.pool.Query(ctx, machineHeadsSQL, last.Machine, last.Source, streamBatch, f.Scope.Tags) // its error comes back from CollectRows
		heads, err := pgx.CollectRows(rows, pgx.RowToStructByPos[machineHead])
		if err != nil {
			return err
		}
		ids := make([]int64, len(heads))
		for i := range heads {
			ids[i] = heads[i].ID
		}
		sections, err := foldHeads(ctx, s.pool, ids, []string{f.Kind})
		if err != nil {
			return err
		}
		for _, h := range heads {
			if section := sections[h.ID][f.Kind]; section != nil {
				fn(h.Machine, section.IDs)
			}
		}
		if len(heads) < streamBatch {
			return nil
		}
		last = heads[len(heads)-1]
	}
}
