// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// CheckKey names one version of a check.
type CheckKey struct {
	CheckID int64
	Version int
}

// DefinitionTag is a tag that a definition names, as it was called when the definition was written.
type DefinitionTag struct {
	ID       int64   `json:"id"`
	Name     string  `json:"name"`
	Taxonomy *string `json:"taxonomy"` // its name; nil: none
}

// CheckDefinition is what one version of a check said, in the words it had last.
type CheckDefinition struct {
	CheckID           int64
	Version           int
	ComplianceCheckID int64
	Name              string
	Description       string
	SourceName        string
	Platforms         []string
	Tags              []DefinitionTag
	Expression        string
	Severity          string
	Labels            []string
}

// Only the current version's row follows the check: events of older ones name what was judged.
const (
	putDefinitionSQL = `
INSERT INTO check_definition AS d (check_id, version, compliance_check_id, name, description, source_name, platforms, tags,
    jmespath_expression, severity, labels)
SELECT c.id, c.version, c.compliance_check_id, c.name, c.description, c.source_name, c.platforms,
    coalesce((SELECT json_agg(json_build_object('id', t.id, 'name', t.name, 'taxonomy', x.name) ORDER BY t.id)
              FROM tag t LEFT JOIN taxonomy x ON x.id = t.taxonomy WHERE t.id = ANY (c.tags)), '[]'),
    c.jmespath_expression, c.severity, c.labels
FROM jmespath_check c WHERE c.id = $1
ON CONFLICT (check_id, version) DO UPDATE
SET name = excluded.name, description = excluded.description, tags = excluded.tags, severity = excluded.severity,
    labels = excluded.labels, at = now()`

	endDefinitionsSQL = `UPDATE check_definition SET deleted_at = now() WHERE check_id = $1`
)

// defineCheck writes the definition of a check as the transaction has it now.
func defineCheck(ctx context.Context, tx pgx.Tx, check int64) error {
	if _, err := tx.Exec(ctx, putDefinitionSQL, check); err != nil {
		return fmt.Errorf("definition of check %d: %w", check, err)
	}
	return nil
}

const checkDefinitionsSQL = `
SELECT d.check_id, d.version, d.compliance_check_id, d.name, d.description, d.source_name, d.platforms, d.tags,
       d.jmespath_expression, d.severity, d.labels
FROM check_definition d
JOIN unnest($1::bigint[], $2::integer[]) AS k(check_id, version) USING (check_id, version)`

// CheckDefinitions returns what these versions of checks say. Those that were never there, or whose check was deleted long
// ago, are missing from the answer.
func (s *Store) CheckDefinitions(ctx context.Context, keys []CheckKey) (map[CheckKey]CheckDefinition, error) {
	checks, versions := make([]int64, len(keys)), make([]int32, len(keys))
	for i, key := range keys {
		checks[i], versions[i] = key.CheckID, int32(key.Version)
	}
	rows, _ := s.pool.Query(ctx, checkDefinitionsSQL, checks, versions) // its error comes back from CollectRows
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[CheckDefinition])
	if err != nil {
		return nil, fmt.Errorf("%d definitions of checks: %w", len(keys), err)
	}
	definitions := make(map[CheckKey]CheckDefinition, len(found))
	for _, d := range found {
		definitions[CheckKey{d.CheckID, d.Version}] = d
	}
	return definitions, nil
}

// Definitions of deleted checks are few: no index.
const forgetDefinitionsSQL = `
DELETE FROM check_definition WHERE (check_id, version) IN (
	SELECT check_id, version FROM check_definition WHERE deleted_at < now() - make_interval(days => $1) LIMIT $2
)`

// ForgetDefinitions removes definitions of checks that were deleted that many days ago, at most limit, and tells how many.
func (s *Store) ForgetDefinitions(ctx context.Context, days, limit int) (int, error) {
	tag, err := s.pool.Exec(ctx, forgetDefinitionsSQL, days, limit)
	if err != nil {
		return 0, fmt.Errorf("forget definitions of deleted checks: %w", err)
	}
	return int(tag.RowsAffected()), nil
}
