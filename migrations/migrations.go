// SPDX-License-Identifier: Apache-2.0

// Package migrations holds the schema's history, NNNN_verb_noun.sql, run forward only.
//
// It is a module of its own because go:embed reaches neither a parent folder nor another module. It refuses to hold
// code: package store runs the files.
package migrations

import "embed"

// FS holds the migrations in its root.
//
//go:embed [0-9]*.sql
var FS embed.FS
