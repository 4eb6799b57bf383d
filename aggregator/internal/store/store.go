// SPDX-License-Identifier: Apache-2.0

// Package store is PostgreSQL: all SQL of the program, and nothing that decides. docs/storage.md describes the design.
//
// Locks are taken in one order everywhere: machine, head by id, then the rest. No transaction lasts longer than
// maxTransaction. Every method is safe for concurrent use.
package store

import (
	"context"
	"errors"
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
	exports    exportPool
	replica    *Replica // nil: there is none
	dictionary *dictionary
	checkIns   []*batcher[CheckIn, bool]
	issues     *batcher[NewCredential, issue]
	vitals     *batcher[headReport, struct{}]
	healths    *batcher[headReport, struct{}]
}

// New returns a store over a migrated database. The pool stays the caller's to close, after Close.
func New(pool *pgxpool.Pool) *Store {
	s := &Store{pool: pool}
	s.dictionary = newDictionary(pool)
	for range checkInShards {
		s.checkIns = append(s.checkIns, newBatcher(maxCheckInBatch, s.writeCheckIns).lingering(checkInLinger, enoughCheckIns))
	}
	s.issues = newBatcher(maxIssueBatch, s.writeIssues)
	s.vitals = newReports(pool, putVitalsSQL)
	s.healths = newReports(pool, putHealthSQL)
	return s
}

// Close waits for the batches that are under way and closes what the store opened itself.
func (s *Store) Close() {
	for _, b := range s.checkIns {
		b.close()
	}
	s.issues.close()
	s.vitals.close()
	s.healths.close()
	s.dictionary.inserts.close()
	s.exports.close()
}

// inTx runs fn in one transaction of bounded length and commits it when fn returns nil.
func (s *Store) inTx(ctx context.Context, fn func(context.Context, pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, maxTransaction)
	defer cancel()
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return fn(ctx, tx) })
}
