// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

const (
	checkColumns = `
id, compliance_check_id, name, description, version, source_name, platforms, tags, jmespath_expression, severity, labels,
evaluated_version, created_at, updated_at`

	// Whoever deletes one of them waits, and finds the check that names it.
	keepTagsSQL = `SELECT id FROM tag WHERE id = ANY ($1) ORDER BY id FOR KEY SHARE`

	insertCheckSQL = `
INSERT INTO jmespath_check (name, description, source_name, platforms, tags, jmespath_expression, severity, labels)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
RETURNING ` + checkColumns

	// Raising the generation makes commits that were computed without the new check compute once more.
	raiseGenerationSQL = `UPDATE check_generation SET generation = generation + 1`
	journalCheckSQL    = `INSERT INTO journal (what, detail) VALUES ('check', $1)`
)

// CreateCheck stores a new check, of which Validate found nothing wrong, as version 1. A name that is taken, or a tag
// that does not exist, is a compliance.FieldErrors. Commits after it evaluate the check; HeadsToEvaluate has the heads that are
// there already, once AwaitCommits has returned.
func (s *Store) CreateCheck(ctx context.Context, c compliance.Check) (compliance.Check, error) {
	var created compliance.Check
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := tagsExist(ctx, tx, c.Tags); err != nil {
			return err
		}
		var err error
		created, err = oneCheck(ctx, tx, insertCheckSQL, c.Name, c.Description, c.SourceName, list(c.Platforms), list(c.Tags),
			c.Expression, severity(&c), list(c.Labels))
		if err != nil {
			return checkNameTaken(err)
		}
		if err := defineCheck(ctx, tx, created.ID); err != nil {
			return err
		}
		if err := record(ctx, tx, auditCheck("created", nil, &created)); err != nil {
			return err
		}
		return announceChecks(ctx, tx, created)
	})
	if err != nil {
		return compliance.Check{}, fmt.Errorf("create check %q: %w", c.Name, err)
	}
	return created, nil
}

func severity(c *compliance.Check) string {
	return cmp.Or(c.Severity, compliance.DefaultSeverity)
}

// tagsExist keeps the tags from being deleted until the transaction ends; a missing one is a compliance.FieldErrors.
func tagsExist(ctx context.Context, tx querier, tags []int64) error {
	if len(tags) == 0 {
		return nil
	}
	rows, _ := tx.Query(ctx, keepTagsSQL, tags) // its error comes back from CollectRows
	known, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return fmt.Errorf("tags: %w", err)
	}
	problems := compliance.FieldErrors{}
	for i, tag := range tags {
		if !slices.Contains(known, tag) {
			problems[fmt.Sprintf("tags[%d]", i)] = []string{fmt.Sprintf("There is no tag %d.", tag)}
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

func checkNameTaken(err error) error {
	if errors.Is(nameTaken(err), ErrExists) {
		return compliance.FieldErrors{"name": {"There is a check with this name already."}}
	}
	return err
}

const (
	listChecksSQL = `
SELECT ` + checkColumns + ` FROM jmespath_check WHERE id > $1 ORDER BY id LIMIT $2`
	allChecksSQL = `
SELECT ` + checkColumns + ` FROM jmespath_check ORDER BY id`
	oneCheckSQL = `
SELECT ` + checkColumns + ` FROM jmespath_check WHERE id = $1`
)

// ListChecks returns checks by id, those behind after and at most limit.
func (s *Store) ListChecks(ctx context.Context, after int64, limit int) ([]compliance.Check, error) {
	rows, _ := s.pool.Query(ctx, listChecksSQL, after, limit) // its error comes back from CollectRows
	checks, err := pgx.CollectRows(rows, scanCheck)
	if err != nil {
		return nil, fmt.Errorf("list checks: %w", err)
	}
	return checks, nil
}

// AllChecks returns all checks by id.
func (s *Store) AllChecks(ctx context.Context) ([]compliance.Check, error) {
	rows, _ := s.pool.Query(ctx, allChecksSQL) // its error comes back from CollectRows
	checks, err := pgx.CollectRows(rows, scanCheck)
	if err != nil {
		return nil, fmt.Errorf("list checks: %w", err)
	}
	return checks, nil
}

// Check returns one check by its id; ErrNotFound when there is none.
func (s *Store) Check(ctx context.Context, id int64) (compliance.Check, error) {
	check, err := oneCheck(ctx, s.pool, oneCheckSQL, id)
	if err != nil {
		return compliance.Check{}, fmt.Errorf("check %d: %w", id, err)
	}
	return check, nil
}

func oneCheck(ctx context.Context, db querier, sql string, args ...any) (compliance.Check, error) {
	rows, _ := db.Query(ctx, sql, args...) // its error comes back from CollectExactlyOneRow
	check, err := pgx.CollectExactlyOneRow(rows, scanCheck)
	return check, notFound(err)
}

func scanCheck(row pgx.CollectableRow) (compliance.Check, error) {
	var c compliance.Check
	err := row.Scan(&c.ID, &c.ComplianceCheckID, &c.Name, &c.Description, &c.Version, &c.SourceName, &c.Platforms, &c.Tags,
		&c.Expression, &c.Severity, &c.Labels, &c.EvaluatedVersion, &c.CreatedAt, &c.UpdatedAt)
	return c, err
}
