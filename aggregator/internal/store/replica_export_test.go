// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// InExport runs fn as a batch of an export.
func (s *Store) InExport(ctx context.Context, fn func(context.Context, pgx.Tx) error) error {
	return s.inExport(ctx, fn)
}
