// SPDX-License-Identifier: Apache-2.0

// Package osquery asks an osquery that runs on this machine, over its extension socket, what it knows of the inventory.
//
// It only asks, with the statements of proto/osquery: it registers no plugin, changes no configuration, starts no osquery
// and depends on none. What goes wrong with one table costs the section of that table alone.
package osquery

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	rows "github.com/rollcall-inventory/rollcall/proto/osquery"
)

const (
	// queryLimit and collectionLimit bound one statement and all of them.
	queryLimit      = 30 * time.Second
	collectionLimit = 3 * time.Minute
	// maxSilent is how many statements in a row may go without an answer before the others are not asked: an osquery that
	// restarts, or is stuck, is left alone until the next time.
	maxSilent = 2
)

// ErrAbsent says that there is no osquery to ask: nothing is at the socket's path.
var ErrAbsent = errors.New("osquery is not there")

// Reader asks one osquery. Its fields are set before the first call; it keeps nothing between calls.
type Reader struct {
	// Socket is the path of the extension socket, on Windows the name of the pipe.
	Socket string
	// Limit bounds one statement; 0 is 30 seconds.
	Limit time.Duration
	// Expected says that its absence is a failure; that is for the caller to make of ErrAbsent.
	Expected bool
	// System is the operating system to ask about as runtime.GOOS spells it; empty is this one.
	System string
}

// Collection is what an osquery told.
type Collection struct {
	collect.Report
	// Vitals has when the machine booted; nil when osquery does not tell.
	Vitals *syncv1.Vitals
}

// Collect asks for everything that this osquery has tables for, except kinds, or statements by their name, that are
// disabled. It returns ErrAbsent, at once, when nobody listens for extensions, and another error when osquery does not even
// list its tables.
func (r *Reader) Collect(ctx context.Context, disabled []string) (Collection, error) {
	ctx, cancel := context.WithTimeout(ctx, collectionLimit)
	defer cancel()
	tables, err := r.tables(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return Collection{}, ErrAbsent
	}
	if err != nil {
		return Collection{}, fmt.Errorf("ask osquery for its tables: %w", err)
	}
	system := r.System
	if system == "" {
		system = runtime.GOOS
	}
	g := newGathering(rows.Queries(system))
	silent := 0
	for _, q := range rows.Queries(system) {
		switch {
		case slices.Contains(disabled, q.Name) || slices.Contains(disabled, q.Kind):
			g.pass(q, syncv1.CollectorState_COLLECTOR_STATE_DISABLED)
			continue
		case slices.ContainsFunc(q.Tables, func(name string) bool { return !tables[name] }):
			g.pass(q, syncv1.CollectorState_COLLECTOR_STATE_ABSENT)
			continue
		case silent >= maxSilent:
			g.fail(q, 0, errNotAsked)
			continue
		}
		begin := time.Now()
		answer, err := r.ask(ctx, q.SQL)
		if err == nil {
			silent = 0
			g.take(q, answer, time.Since(begin))
			continue
		}
		if isSilence(err) {
			silent++
		} else {
			silent = 0
		}
		g.fail(q, time.Since(begin), err)
	}
	return g.collection(), ctx.Err()
}

// errNotAsked explains why a table is kept although it did nothing wrong.
var errNotAsked = errors.New("not asked, because osquery did not answer before")

// tables returns the names of the tables that this osquery has.
func (r *Reader) tables(ctx context.Context) (map[string]bool, error) {
	answer, err := r.ask(ctx, rows.TablesQuery)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, row := range answer {
		names[row["name"]] = true
	}
	if len(names) == 0 {
		return nil, errors.New("the list is empty")
	}
	return names, nil
}
