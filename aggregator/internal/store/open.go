// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// workConnections is how many connections do the work of agents and of the API at most: group commits keep the
	// database busy with few. pool_max_conns in the address says otherwise.
	workConnections = 16
	// exportConnections is how many more may read for exports at most, so that a slow or a hundredth export takes none
	// from a push. They are opened when an export needs them.
	exportConnections = 4
	// exportIdle is how long a connection for exports stays open unused.
	exportIdle = time.Minute
	// maxConnsSetting is what addresses call the size of a pool.
	maxConnsSetting = "pool_max_conns"
)

var errClosed = errors.New("the store is closed")

// Open connects to a database; it does not migrate it. The pool has 16 connections at most, or pool_max_conns of the
// address; a store opens up to 4 more of its own for exports.
func Open(ctx context.Context, dsn string) (*pgxpool.Pool, error) {
	return open(ctx, dsn, workConnections, "rollcall-aggregator")
}

// open connects with a number of connections unless the address says another.
func open(ctx context.Context, dsn string, connections int32, name string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("database address: %w", err)
	}
	said, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("database address: %w", err)
	}
	if _, ok := said.RuntimeParams[maxConnsSetting]; !ok {
		config.MaxConns = max(connections, config.MinConns)
	}
	config.ConnConfig.RuntimeParams["application_name"] = name
	config.ConnConfig.RuntimeParams["timezone"] = "UTC"
	config.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = fmt.Sprint(maxTransaction.Milliseconds())
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return pool, nil
}

// exportPool holds the connections that exports read the primary with. It opens none before the first export.
type exportPool struct {
	once sync.Once
	pool *pgxpool.Pool
	err  error
}

// get returns connections like those of work, fewer of them.
func (e *exportPool) get(work *pgxpool.Pool) (*pgxpool.Pool, error) {
	e.once.Do(func() {
		config := work.Config() // a copy
		config.MaxConns = min(exportConnections, config.MaxConns)
		config.MinConns, config.MinIdleConns, config.MaxConnIdleTime = 0, 0, exportIdle
		config.ConnConfig.RuntimeParams["application_name"] = "rollcall-aggregator export"
		e.pool, e.err = pgxpool.NewWithConfig(context.Background(), config) // the context bounds no more than the call
	})
	return e.pool, e.err
}

// close closes what was opened; nothing is opened afterwards.
func (e *exportPool) close() {
	e.once.Do(func() { e.err = errClosed })
	if e.pool != nil {
		e.pool.Close()
	}
}

// inExport runs fn like inSnapshot, for long reads: on the replica while there is one worth reading, else on
// connections that no push waits for. What the replica cannot answer for whatever reason the primary is asked: fn may
// run several times, and must begin anew each time.
func (s *Store) inExport(ctx context.Context, fn func(context.Context, pgx.Tx) error) error {
	if s.replica != nil && s.replica.usable(s.CurrentEpoch()) {
		err := s.replica.read(ctx, fn)
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	pool, err := s.exports.get(s.pool)
	if err != nil {
		return err
	}
	return readSnapshot(ctx, pool, maxTransaction, fn)
}

// readSnapshot runs fn in one read-only transaction that sees one moment of the database.
func readSnapshot(ctx context.Context, pool *pgxpool.Pool, limit time.Duration, fn func(context.Context, pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return pgx.BeginTxFunc(ctx, pool, options, func(tx pgx.Tx) error { return fn(ctx, tx) })
}
