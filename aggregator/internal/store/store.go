// SPDX-License-Identifier: Apache-2.0

// Package store is PostgreSQL: all SQL of the program, and nothing that decides. docs/storage.md describes the design.
//
// Locks are taken in one order everywhere: machine, head by id, then the rest. No transaction lasts longer than
// maxTransaction. Every method is safe for concurrent use.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

var (
	// ErrNotFound says that there is no such thing.
	ErrNotFound = errors.New("not found")
	// ErrNoAsset says that something stored names an asset which the dictionary lacks: the database is damaged.
	ErrNoAsset = errors.New("not in the dictionary of assets: run fsck")
	// ErrRetry says that somebody else changed what a write was computed from: read again and compute anew.
	ErrRetry = errors.New("changed meanwhile")
)

// maxTransaction bounds every transaction: a longer one would hold back the readers of the journal and VACUUM.
const maxTransaction = 30 * time.Second

// Store reads and writes one database.
type Store struct {
	pool       *pgxpool.Pool
	dictionary *dictionary
	checkIns   []*batcher[CheckIn, bool]
}

// New returns a store over a migrated database. The pool stays the caller's to close, after Close.
func New(pool *pgxpool.Pool) *Store {
	s := &Store{pool: pool}
	s.dictionary = newDictionary(pool)
	for range checkInShards {
		s.checkIns = append(s.checkIns, newBatcher(maxCheckInBatch, s.writeCheckIns))
	}
	return s
}

// Open connects to a database; it does not migrate it.
func Open(ctx context.Context, dsn string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("database address: %w", err)
	}
	config.MaxConns = max(config.MaxConns, 16)
	config.ConnConfig.RuntimeParams["application_name"] = "rollcall-aggregator"
	config.ConnConfig.RuntimeParams["timezone"] = "UTC"
	config.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = fmt.Sprint(maxTransaction.Milliseconds())
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return pool, nil
}

// Close waits for the batches that are under way.
func (s *Store) Close() {
	for _, b := range s.checkIns {
		b.close()
	}
	s.dictionary.inserts.close()
}

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.pool.Ping(ctx); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return nil
}

// inTx runs fn in one transaction of bounded length and commits it when fn returns nil.
func (s *Store) inTx(ctx context.Context, fn func(context.Context, pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, maxTransaction)
	defer cancel()
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return fn(ctx, tx) })
}
