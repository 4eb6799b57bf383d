// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
)

// streamBatch is how many heads are read at a time: some megabytes of sections.
const streamBatch = 50

// StreamFilter chooses heads and what is read of them; zero fields choose all.
type StreamFilter struct {
	Source    string     // name, in any case
	SourceID  int32      // of one source; 0: any
	Platforms []string   // as in the snapshot tree
	Kinds     []string   // of the sections to read
	Scope     auth.Scope // machines that the reader may see
	After     *StreamKey // heads behind this one; nil: all
}

// StreamKey is the place of a head in the order of StreamHeads.
type StreamKey struct {
	Source int32  `json:"source"`
	Serial string `json:"serial"`
}

// FleetHead is one live head of the fleet with its sections, all of one moment.
type FleetHead struct {
	ID       int64
	Machine  int64
	Serial   string
	Source   Source
	Seq      int64
	LastSeen time.Time
	Summary  Summary
	Tags     []int64 // of the machine

	MetaBusinessUnit int64 // that the summary's business unit belongs to; 0: none
	Sections         pack.Sections
}

// StreamHeads hands the live heads to fn one after the other, by source (name, module, config) and then by serial
// number, and stops at fn's first error. It reads in batches, each in a short transaction of its own that is over
// before fn is called, on the replica where there is one: heads that come or go while it runs may be missing or there,
// none comes twice. It ends with an error when the database is exchanged meanwhile.
func (s *Store) StreamHeads(ctx context.Context, f StreamFilter, fn func(FleetHead) error) error {
	epoch := s.CurrentEpoch()
	inEpoch := func(h FleetHead) error {
		if err := fn(h); err != nil {
			return err
		}
		if s.CurrentEpoch() != epoch { // what fn remembers of assets by their ids may be wrong now
			return errEpochEnded
		}
		return nil
	}
	sources, err := s.Sources(ctx)
	if err != nil {
		return err
	}
	after := ""
	if f.After != nil {
		from := slices.IndexFunc(sources, func(source Source) bool { return source.ID == f.After.Source })
		if from < 0 {
			return fmt.Errorf("source %d: %w", f.After.Source, ErrNotFound)
		}
		sources, after = sources[from:], f.After.Serial
	}
	for _, source := range sources {
		if f.takes(source) {
			if err := s.streamSource(ctx, f, source, after, inEpoch); err != nil {
				return err
			}
		}
		after = ""
	}
	return nil
}

// Key is where the head stands in the stream.
func (h *FleetHead) Key() StreamKey { return StreamKey{Source: h.Source.ID, Serial: h.Serial} }

func (f *StreamFilter) takes(source Source) bool {
	return (f.Source == "" || strings.EqualFold(f.Source, source.Name)) && (f.SourceID == 0 || f.SourceID == source.ID)
}

func (s *Store) streamSource(ctx context.Context, f StreamFilter, source Source, after string, fn func(FleetHead) error) error {
	for {
		heads, err := s.fleetBatch(ctx, f, source, after)
		if err != nil {
			return fmt.Errorf("stream heads of %s: %w", source.Name, err)
		}
		for _, h := range heads {
			if err := fn(h); err != nil {
				return err
			}
		}
		if len(heads) < streamBatch {
			return nil
		}
		after = heads[len(heads)-1].Serial
	}
}

const (
	fleetHeadsSQL = `
SELECT h.id, h.machine, m.serial_number, h.seq, h.last_seen, coalesce(u.computer_name, ''), coalesce(u.platform, ''),
       coalesce(u.type, ''), coalesce(u.os_version, ''), coalesce(u.hardware_model, ''),
       coalesce(b.id, 0), coalesce(b.meta_business_unit, 0),
       ARRAY(SELECT t.tag FROM machine_tag t WHERE t.machine = m.id ORDER BY t.tag)
FROM machine m
JOIN head h ON h.machine = m.id AND h.source = $1 AND h.archived_at IS NULL
LEFT JOIN head_summary u ON u.head = h.id
LEFT JOIN business_unit b ON b.id = u.business_unit
WHERE m.serial_number > $2 AND (cardinality($3::text[]) = 0 OR u.platform = ANY ($3))
  AND ($5::bigint[] IS NULL OR EXISTS (SELECT FROM machine_tag t WHERE t.machine = m.id AND t.tag = ANY ($5)))
ORDER BY m.serial_number
LIMIT $4`

	// Small sections share the row with the empty kind.
	fleetSectionsSQL = `
SELECT head, kind, base, tail, digest FROM head_section
WHERE head = ANY ($1) AND (cardinality($2::text[]) = 0 OR kind = '' OR kind = ANY ($2))`
)

func (s *Store) fleetBatch(ctx context.Context, f StreamFilter, source Source, after string) ([]FleetHead, error) {
	var heads []FleetHead
	err := s.inExport(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, fleetHeadsSQL, source.ID, after, list(f.Platforms), streamBatch, f.Scope.Tags) // its error comes back from CollectRows
		var err error
		if heads, err = pgx.CollectRows(rows, scanFleetHead); err != nil {
			return err
		}
		ids := make([]int64, len(heads))
		for i := range heads {
			ids[i] = heads[i].ID
			heads[i].Source = source
		}
		sections, err := foldHeads(ctx, tx, ids, f.Kinds)
		for i := range heads {
			heads[i].Sections = sections[heads[i].ID]
		}
		return err
	})
	return heads, err
}

func scanFleetHead(row pgx.CollectableRow) (FleetHead, error) {
	var h FleetHead
	err := row.Scan(&h.ID, &h.Machine, &h.Serial, &h.Seq, &h.LastSeen, &h.Summary.ComputerName, &h.Summary.Platform,
		&h.Summary.Type, &h.Summary.OSVersion, &h.Summary.HardwareModel,
		&h.Summary.BusinessUnit, &h.MetaBusinessUnit, &h.Tags)
	return h, err
}

// foldHeads returns the sections of some heads; without kinds all of them.
func foldHeads(ctx context.Context, db querier, heads []int64, kinds []string) (map[int64]pack.Sections, error) {
	rows, _ := db.Query(ctx, fleetSectionsSQL, heads, list(kinds)) // its error comes back from ForEachRow
	stored := make(map[int64][]pack.Row, len(heads))
	var head int64
	var row pack.Row
	_, err := pgx.ForEachRow(rows, []any{&head, &row.Kind, &row.Base, &row.Tail, &row.Digest}, func() error {
		stored[head] = append(stored[head], row)
		return nil
	})
	if err != nil {
		return nil, err
	}
	folded := make(map[int64]pack.Sections, len(heads))
	for head, rows := range stored {
		sections, err := pack.Fold(rows)
		if err != nil {
			return nil, fmt.Errorf("head %d: %w", head, err)
		}
		if len(kinds) > 0 {
			for kind := range sections {
				if !slices.Contains(kinds, kind) {
					delete(sections, kind)
				}
			}
		}
		folded[head] = sections
	}
	return folded, nil
}
