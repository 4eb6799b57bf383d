// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rollcall-inventory/rollcall/migrations"
)

// The table is goose's; a migration that failed is not in it.
const schemaVersionSQL = `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`

// SchemaVersion returns the number of the newest migration in the database (0: none) and of the newest one known.
func (s *Store) SchemaVersion(ctx context.Context) (have, want int64, err error) {
	const undefinedTable = "42P01"
	err = s.pool.QueryRow(ctx, schemaVersionSQL).Scan(&have)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == undefinedTable {
		have, err = 0, nil
	}
	if err == nil {
		want, err = newestMigration()
	}
	if err != nil {
		return 0, 0, fmt.Errorf("schema version: %w", err)
	}
	return have, want, nil
}

// newestMigration returns the number of the last file.
func newestMigration() (int64, error) {
	names, err := fs.Glob(migrations.FS, "*.sql") // sorted
	if err != nil || len(names) == 0 {
		return 0, errors.Join(errors.New("the program has no migrations"), err)
	}
	number, _, _ := strings.Cut(names[len(names)-1], "_")
	return strconv.ParseInt(number, 10, 64)
}
