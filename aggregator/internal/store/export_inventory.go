// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// HeadFacts is what exports show of a head beside its sections and summary.
type HeadFacts struct {
	ChangedAt time.Time
	Statuses  map[int64]compliance.Status // of the machine, by compliance check id; of the checks' current versions
}

const headFactsSQL = `
SELECT id, changed_at FROM head WHERE id = ANY ($1)`

// Results of versions that a check no longer has, and those of archived heads, count for nothing.
const headStatusesSQL = `
SELECT h.id, c.compliance_check_id, s.status
FROM head h
CROSS JOIN jmespath_check c
JOIN check_status s ON s.check_id = c.id AND s.machine = h.machine AND s.check_version = c.version
JOIN head of ON of.id = s.head AND of.archived_at IS NULL
WHERE h.id = ANY ($1)`

// HeadFactsOf returns the facts of some heads by id, the statuses only when they are asked for. Heads that are gone
// have none.
func (s *Store) HeadFactsOf(ctx context.Context, heads []int64, statuses bool) (map[int64]HeadFacts, error) {
	var facts map[int64]HeadFacts
	err := s.inExport(ctx, func(ctx context.Context, tx pgx.Tx) error {
		facts = make(map[int64]HeadFacts, len(heads))
		var head int64
		var at time.Time
		rows, _ := tx.Query(ctx, headFactsSQL, heads) // its error comes back from ForEachRow
		_, err := pgx.ForEachRow(rows, []any{&head, &at}, func() error {
			facts[head] = HeadFacts{ChangedAt: at, Statuses: map[int64]compliance.Status{}}
			return nil
		})
		if err != nil || !statuses {
			return err
		}
		var check int64
		var status compliance.Status
		rows, _ = tx.Query(ctx, headStatusesSQL, heads) // its error comes back from ForEachRow
		_, err = pgx.ForEachRow(rows, []any{&head, &check, &status}, func() error {
			if f, ok := facts[head]; ok {
				f.Statuses[check] = status
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("facts of %d heads: %w", len(heads), err)
	}
	return facts, nil
}

// Labels are the names that exports show in place of ids.
type Labels struct {
	Tags              map[int64]TagLabel
	MetaBusinessUnits map[int64]string
	Checks            map[int64]string // by compliance check id
}

// TagLabel is a tag with what it belongs to; empty texts say that it does not.
type TagLabel struct {
	Name             string
	Taxonomy         string
	MetaBusinessUnit string
}

// String returns the tag as exports write it: with its taxonomy, or else its business unit, in front.
func (t TagLabel) String() string {
	switch {
	case t.Taxonomy != "":
		return t.Taxonomy + ": " + t.Name
	case t.MetaBusinessUnit != "":
		return t.MetaBusinessUnit + "/" + t.Name
	}
	return t.Name
}

const (
	tagLabelsSQL = `
SELECT t.id, t.name, coalesce(x.name, ''), coalesce(u.name, '')
FROM tag t
LEFT JOIN taxonomy x ON x.id = t.taxonomy
LEFT JOIN meta_business_unit u ON u.id = t.meta_business_unit`
	metaBusinessUnitLabelsSQL = `SELECT id, name FROM meta_business_unit`
	checkLabelsSQL            = `SELECT compliance_check_id, name FROM jmespath_check`
)

// ExportLabels returns the names of all tags, meta business units and checks.
func (s *Store) ExportLabels(ctx context.Context) (Labels, error) {
	var l Labels
	err := s.inExport(ctx, func(ctx context.Context, tx pgx.Tx) error {
		l = Labels{Tags: map[int64]TagLabel{}, MetaBusinessUnits: map[int64]string{}, Checks: map[int64]string{}}
		var id int64
		var tag TagLabel
		rows, _ := tx.Query(ctx, tagLabelsSQL) // its error comes back from ForEachRow
		_, err := pgx.ForEachRow(rows, []any{&id, &tag.Name, &tag.Taxonomy, &tag.MetaBusinessUnit}, func() error {
			l.Tags[id] = tag
			return nil
		})
		if err != nil {
			return err
		}
		if err := readNames(ctx, tx, metaBusinessUnitLabelsSQL, l.MetaBusinessUnits); err != nil {
			return err
		}
		return readNames(ctx, tx, checkLabelsSQL, l.Checks)
	})
	if err != nil {
		return Labels{}, fmt.Errorf("names of tags, business units and checks: %w", err)
	}
	return l, nil
}

func readNames(ctx context.Context, db querier, sql string, into map[int64]string) error {
	var id int64
	var name string
	rows, _ := db.Query(ctx, sql) // its error comes back from ForEachRow
	_, err := pgx.ForEachRow(rows, []any{&id, &name}, func() error {
		into[id] = name
		return nil
	})
	return err
}

// Of apps for macOS the name column may hold either; a name that is too long for the column is in the body alone.
const (
	versionsOfNameSQL = `
SELECT id, version FROM asset WHERE kind = $1 AND name = $2`
	versionsOfBundleNameSQL = `
SELECT id, version FROM asset WHERE kind = $1 AND name = $2 AND body -> 'app' ->> 'bundle_name' = $2`
	versionsOfBundleIDSQL = `
SELECT id, version FROM asset WHERE kind = $1 AND body -> 'app' ->> 'bundle_id' = $2`
)

// SoftwareBy says which name of software VersionsOf goes by.
type SoftwareBy int

// The names of software.
const (
	ByName       SoftwareBy = iota // what people call it
	ByBundleName                   // of an app for macOS
	ByBundleID                     // of an app for macOS; it reads every such app of the dictionary
)

// VersionsOf returns the versions of a piece of software by dictionary id.
func (s *Store) VersionsOf(ctx context.Context, kind, name string, by SoftwareBy) (map[int64]string, error) {
	sql := map[SoftwareBy]string{
		ByName: versionsOfNameSQL, ByBundleName: versionsOfBundleNameSQL, ByBundleID: versionsOfBundleIDSQL,
	}[by]
	var versions map[int64]string
	err := s.inExport(ctx, func(ctx context.Context, tx pgx.Tx) error {
		versions = map[int64]string{}
		var id int64
		var version string
		rows, _ := tx.Query(ctx, sql, kind, name) // its error comes back from ForEachRow
		_, err := pgx.ForEachRow(rows, []any{&id, &version}, func() error {
			versions[id] = version
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("versions of %s: %w", name, err)
	}
	return versions, nil
}
