// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// Locks are taken in this order: the taxonomy, enrolments, which give machines tags while they are locked, roles, tags,
// checks.
const (
	lockTagsSQL = `
SELECT ` + tagColumns + ` FROM tag t WHERE t.id = ANY ($1) ORDER BY t.id
FOR UPDATE OF t`

	untagEnrollmentsSQL = `
WITH before AS (
	SELECT id, tags FROM enrollment WHERE tags && $1::bigint[] ORDER BY id FOR UPDATE
)
UPDATE enrollment e SET tags = ARRAY(SELECT t FROM unnest(b.tags) WITH ORDINALITY AS o(t, n) WHERE t <> ALL ($1) ORDER BY n)
FROM before b WHERE e.id = b.id
RETURNING e.id, e.name, b.tags, e.tags`

	untagChecksSQL = `
UPDATE jmespath_check
SET tags = ARRAY(SELECT t FROM unnest(tags) WITH ORDINALITY AS o(t, n) WHERE t <> ALL ($1) ORDER BY n),
    version = version + 1, updated_at = now()
WHERE id = $2
RETURNING ` + checkColumns
	lockChecksOfTagsSQL = `
SELECT ` + checkColumns + ` FROM jmespath_check WHERE tags && $1::bigint[] ORDER BY id
FOR NO KEY UPDATE`

	// Checks that were limited to one of the tags are evaluated as a new version, so that no machine waits for it.
	untagMachinesSQL = `
WITH gone AS (
	DELETE FROM machine_tag WHERE tag = ANY ($1) RETURNING machine, tag
), named AS (
	SELECT t.id, ` + changedTagJSON + ` AS tag FROM tag t LEFT JOIN taxonomy x ON x.id = t.taxonomy WHERE t.id = ANY ($1)
)
INSERT INTO journal (what, machine, body)
SELECT 'tag', g.machine, json_strip_nulls(json_build_object('removed', json_agg(n.tag ORDER BY n.id), 'request', $2::json))
FROM gone g JOIN named n ON n.id = g.tag
GROUP BY g.machine
ORDER BY g.machine`

	// changedTagJSON is changedTag of tag t with taxonomy x.
	changedTagJSON = `
json_build_object('id', t.id, 'name', t.name,
    'taxonomy', CASE WHEN x.id IS NOT NULL THEN json_build_object('id', x.id, 'name', x.name) END)`

	deleteTagsSQL = `DELETE FROM tag WHERE id = ANY ($1)`
)

// DeleteTag removes a tag, and takes it off machines, enrolments, roles and checks. It returns the checks that apply to other
// machines now, each as a new version that is not evaluated yet: a check that has lost its last tag applies whatever
// the tags. An unknown tag is ErrNotFound, one that something else cannot do without ErrInUse.
func (s *Store) DeleteTag(ctx context.Context, id int64) ([]compliance.Check, error) {
	var changed []compliance.Check
	err := s.inTxAgain(ctx, func(ctx context.Context, tx pgx.Tx) error {
		deleted, checks, err := deleteTags(ctx, tx, []int64{id})
		if err == nil && deleted == 0 {
			return ErrNotFound
		}
		changed = checks
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("delete tag %d: %w", id, err)
	}
	return changed, nil
}

// DeleteTaxonomy removes a taxonomy together with its tags, like DeleteTag.
func (s *Store) DeleteTaxonomy(ctx context.Context, id int64) ([]compliance.Check, error) {
	var changed []compliance.Check
	err := s.inTxAgain(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := oneTaxonomy(ctx, tx, lockTaxonomySQL, id); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, tagsOfTaxonomySQL, id) // its error comes back from CollectRows
		tags, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		if _, changed, err = deleteTags(ctx, tx, tags); err != nil {
			return err
		}
		gone, err := oneTaxonomy(ctx, tx, deleteTaxonomySQL, id)
		if err != nil {
			return inUse(err)
		}
		return recordTaxonomy(ctx, tx, "deleted", &gone, nil)
	})
	if err != nil {
		return nil, fmt.Errorf("delete taxonomy %d: %w", id, err)
	}
	return changed, nil
}

// deleteTags removes tags within a transaction and returns how many there were.
func deleteTags(ctx context.Context, tx pgx.Tx, ids []int64) (deleted int, changed []compliance.Check, err error) {
	if len(ids) == 0 {
		return 0, nil, nil
	}
	entries, err := untagEnrollments(ctx, tx, ids)
	if err != nil {
		return 0, nil, err
	}
	roles, err := untagRoles(ctx, tx, ids)
	if err != nil {
		return 0, nil, err
	}
	entries = append(entries, roles...)
	tags, err := collectTags(ctx, tx, lockTagsSQL, ids)
	if err != nil || len(tags) == 0 {
		return 0, nil, err
	}
	changed, checkEntries, err := untagChecks(ctx, tx, ids)
	if err != nil {
		return 0, nil, err
	}
	entries = append(entries, checkEntries...)
	machines, err := tx.Exec(ctx, untagMachinesSQL, ids, requestOf(ctx))
	if err != nil {
		return 0, nil, fmt.Errorf("untag machines: %w", err)
	}
	if _, err := tx.Exec(ctx, deleteTagsSQL, ids); err != nil {
		return 0, nil, inUse(err)
	}
	gone := make([]*Tag, len(tags))
	for i := range tags {
		gone[i] = &tags[i]
	}
	deletions, err := auditTags(ctx, tx, "deleted", gone, make([]*Tag, len(tags)))
	if err != nil {
		return 0, nil, err
	}
	entries = append(entries, deletions...)
	if err := record(ctx, tx, entries...); err != nil {
		return 0, nil, err
	}
	if len(changed) > 0 || machines.RowsAffected() > 0 {
		_, err = tx.Exec(ctx, raiseGenerationSQL) // last: every commit reads that row
	}
	return len(tags), changed, err
}

// untagEnrollments takes tags off the enrolments that give them, and returns what the audit log says of it.
func untagEnrollments(ctx context.Context, tx pgx.Tx, ids []int64) ([]Audit, error) {
	rows, _ := tx.Query(ctx, untagEnrollmentsSQL, ids) // its error comes back from ForEachRow
	var entries []Audit
	var id int64
	var name string
	var before, after []int64
	_, err := pgx.ForEachRow(rows, []any{&id, &name, &before, &after}, func() error {
		entries = append(entries, Audit{
			Action: "updated", Object: "enrollment", ObjectID: strconv.FormatInt(id, 10), ObjectName: name,
			Before: map[string][]int64{"tags": before}, After: map[string][]int64{"tags": after},
		})
		before, after = nil, nil
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("untag enrolments: %w", err)
	}
	return entries, nil
}

// untagChecks takes tags off the checks that are limited to them, and returns those checks.
func untagChecks(ctx context.Context, tx pgx.Tx, ids []int64) ([]compliance.Check, []Audit, error) {
	rows, _ := tx.Query(ctx, lockChecksOfTagsSQL, ids) // its error comes back from CollectRows
	before, err := pgx.CollectRows(rows, scanCheck)
	if err != nil {
		return nil, nil, fmt.Errorf("checks of tags: %w", err)
	}
	var changed []compliance.Check
	var entries []Audit
	for i := range before {
		after, err := oneCheck(ctx, tx, untagChecksSQL, ids, before[i].ID)
		if err != nil {
			return nil, nil, fmt.Errorf("untag check %d: %w", before[i].ID, err)
		}
		if err := defineCheck(ctx, tx, after.ID); err != nil {
			return nil, nil, err
		}
		changed = append(changed, after)
		entries = append(entries, auditCheck("updated", &before[i], &after))
	}
	return changed, entries, journalChecks(ctx, tx, changed)
}
