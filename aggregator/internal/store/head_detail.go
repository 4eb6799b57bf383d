// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// HeadDetail is the current snapshot of a machine and source, with the sizes of its sections.
type HeadDetail struct {
	ID         int64
	Source     Source
	Root       asset.Digest
	Seq        int64
	Commits    int64 // check-ins with a newer time
	FirstAt    time.Time
	ChangedAt  time.Time
	LastSeen   time.Time
	ArchivedAt *time.Time // nil: live
	Summary    Summary
	Sections   []SectionSize // by kind
	Vitals     *Report       // nil: none
	Health     *Report       // nil: none
}

// SectionSize tells how much a section holds.
type SectionSize struct {
	Kind   string
	Assets int
	Digest asset.Digest
}

const (
	headDetailsSQL = `
SELECT h.id, s.id, s.module, s.name, s.config, h.root, h.seq, h.commits, h.first_at, h.changed_at, h.last_seen, h.archived_at,
       coalesce(u.computer_name, ''), coalesce(u.platform, ''), coalesce(u.type, ''), coalesce(u.os_version, ''),
       coalesce(u.hardware_model, ''), coalesce(u.business_unit, 0), v.at, v.body::text, a.at, a.body::text
FROM head h
JOIN source s ON s.id = h.source
LEFT JOIN head_summary u ON u.head = h.id
LEFT JOIN vitals v ON v.head = h.id
LEFT JOIN agent_health a ON a.head = h.id
WHERE h.machine = $1
ORDER BY s.name, s.module, h.id`

	sectionRowsSQL = `SELECT kind, base, tail, digest FROM head_section WHERE head = $1`
)

func (s *Store) headDetails(ctx context.Context, machine int64) ([]HeadDetail, error) {
	rows, _ := s.pool.Query(ctx, headDetailsSQL, machine) // its error comes back from CollectRows
	heads, err := pgx.CollectRows(rows, scanHeadDetail)
	if err != nil {
		return nil, fmt.Errorf("heads of machine %d: %w", machine, err)
	}
	for i := range heads {
		sections, err := foldHead(ctx, s.pool, heads[i].ID)
		if err != nil {
			return nil, err
		}
		heads[i].Sections = sizes(sections)
	}
	return heads, nil
}

func scanHeadDetail(row pgx.CollectableRow) (HeadDetail, error) {
	var h HeadDetail
	var root []byte
	var vitalsAt, healthAt *time.Time
	var vitals, health *string
	err := row.Scan(&h.ID, &h.Source.ID, &h.Source.Module, &h.Source.Name, &h.Source.Config, &root, &h.Seq, &h.Commits,
		&h.FirstAt, &h.ChangedAt, &h.LastSeen, &h.ArchivedAt, &h.Summary.ComputerName, &h.Summary.Platform, &h.Summary.Type,
		&h.Summary.OSVersion, &h.Summary.HardwareModel, &h.Summary.BusinessUnit, &vitalsAt, &vitals, &healthAt, &health)
	if err != nil {
		return h, err
	}
	h.Vitals, h.Health = reportOf(vitalsAt, vitals), reportOf(healthAt, health)
	h.Root, err = asset.ParseDigest(root)
	return h, err
}

// reportOf makes one of the columns of an outer join.
func reportOf(at *time.Time, body *string) *Report {
	if at == nil || body == nil {
		return nil
	}
	return &Report{At: *at, Body: json.RawMessage(*body)}
}

// foldHead reads the sections of one head.
func foldHead(ctx context.Context, db querier, head int64) (pack.Sections, error) {
	rows, _ := db.Query(ctx, sectionRowsSQL, head) // its error comes back from CollectRows
	stored, err := pgx.CollectRows(rows, pgx.RowToStructByPos[pack.Row])
	if err != nil {
		return nil, fmt.Errorf("sections of head %d: %w", head, err)
	}
	sections, err := pack.Fold(stored)
	if err != nil {
		return nil, fmt.Errorf("head %d: %w", head, err)
	}
	return sections, nil
}

// sizes leaves out what the aggregator added by itself.
func sizes(sections pack.Sections) []SectionSize {
	var out []SectionSize
	for kind, section := range sections {
		if !strings.HasPrefix(kind, "@") {
			out = append(out, SectionSize{Kind: kind, Assets: len(section.IDs) + len(section.Facts), Digest: section.Digest})
		}
	}
	slices.SortFunc(out, func(a, b SectionSize) int { return cmp.Compare(a.Kind, b.Kind) })
	return out
}
