// SPDX-License-Identifier: Apache-2.0

// Package osquery says what of the inventory osquery is asked, and what its rows mean: statements of SQL, and rows made
// into messages of rollcall.inventory.v1. Whoever meets osquery uses it, be it through the extension socket of the
// machine or through its TLS endpoints.
//
// It asks nobody, opens nothing and keeps nothing.
package osquery

import "slices"

// Query is one statement. Each of its rows has a column table_name that says what the row is about, so that rows of
// several statements may come mixed.
type Query struct {
	// Name is the table_name of the rows.
	Name string
	// Kind is the section that the rows belong to; empty for uptime, which is no part of a snapshot.
	Kind string
	// Tables are the tables of osquery that the statement reads. Where one is missing, the statement fails.
	Tables []string
	// SQL is for the SQLite dialect of osquery.
	SQL string

	// on names the operating systems that the statement is for; empty: all of them.
	on []string
}

// Queries returns the statements for an operating system as runtime.GOOS spells it, those of one kind beside each other.
func Queries(goos string) []Query {
	var out []Query
	for _, q := range statements {
		if len(q.on) == 0 || slices.Contains(q.on, goos) {
			out = append(out, q)
		}
	}
	return out
}

// TablesQuery asks for the tables that an osquery offers, its extensions' included; each row has the column name.
const TablesQuery = `SELECT name FROM osquery_registry WHERE registry = 'table' AND active = 1`
