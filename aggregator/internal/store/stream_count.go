// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const countStreamSQL = `
SELECT h.source, count(*)
FROM head h
LEFT JOIN head_summary u ON u.head = h.id
WHERE h.archived_at IS NULL AND (cardinality($1::text[]) = 0 OR u.platform = ANY ($1))
  AND ($2::bigint[] IS NULL OR EXISTS (SELECT FROM machine_tag t WHERE t.machine = h.machine AND t.tag = ANY ($2)))
GROUP BY h.source`

// CountStream returns how many heads StreamHeads would hand out now.
func (s *Store) CountStream(ctx context.Context, f StreamFilter) (int64, error) {
	sources, err := s.Sources(ctx)
	if err != nil {
		return 0, err
	}
	taken := map[int32]bool{}
	for _, source := range sources {
		taken[source.ID] = f.takes(source)
	}
	total := int64(0)
	err = s.inExport(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, countStreamSQL, list(f.Platforms), f.Scope.Tags) // its error comes back from ForEachRow
		var source int32
		var count int64
		_, err := pgx.ForEachRow(rows, []any{&source, &count}, func() error {
			if taken[source] {
				total += count
			}
			return nil
		})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count heads: %w", err)
	}
	return total, nil
}
