// SPDX-License-Identifier: Apache-2.0

// Package migrations holds the schema's history, NNNN_verb_noun.sql, run forward only.
//
// Migrations are additive, because the version before goes on writing while they run and afterwards: tables, indexes,
// columns that may be null or have a constant default. What is not needed any more goes a version later. A lock on a
// table in use is waited for for two seconds, then the whole migration is tried again: keep to one such table a file.
// An index on a large table is built CONCURRENTLY in a file of its own with "-- +goose NO TRANSACTION", between
// "SET lock_timeout = 0" (it waits for old transactions) and "RESET lock_timeout", after a DROP INDEX CONCURRENTLY IF
// EXISTS, because a failed attempt leaves half of it.
//
// It is a module of its own because go:embed reaches neither a parent folder nor another module. It refuses to hold
// code: package store runs the files.
package migrations

import "embed"

// FS holds the migrations in its root.
//
//go:embed [0-9]*.sql
var FS embed.FS
