// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

const endedCredentialsSQL = `
SELECT digest FROM credential
WHERE (frozen_at IS NOT NULL OR revoked_at IS NOT NULL) AND greatest(frozen_at, revoked_at) >= $1`

// EndedCredentials returns the digests of the credentials that were frozen or revoked at a moment or after it, and the
// moment to ask from next time. It lies behind by the length of a transaction, because one that ends a credential may
// commit late: the same digests come several times. The zero time asks for nothing but the moment.
func (s *Store) EndedCredentials(ctx context.Context, since time.Time) (ended []auth.Digest, next time.Time, err error) {
	if err := s.pool.QueryRow(ctx, `SELECT now()`).Scan(&next); err != nil {
		return nil, time.Time{}, fmt.Errorf("ended credentials: %w", err)
	}
	next = next.Add(-2 * maxTransaction)
	if since.IsZero() {
		return nil, next, nil
	}
	rows, _ := s.pool.Query(ctx, endedCredentialsSQL, since) // its error comes back from CollectRows
	if ended, err = pgx.CollectRows(rows, scanAuthDigest); err != nil {
		return nil, time.Time{}, fmt.Errorf("ended credentials: %w", err)
	}
	return ended, next, nil
}
