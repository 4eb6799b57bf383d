// SPDX-License-Identifier: Apache-2.0

// Package task is background work: jobs that are kept in the database until they are done, worked off by whichever
// aggregator is free, at a time or at intervals. It is a thin cover over River, which nobody else imports. It refuses to
// know what the jobs are about, but for the upkeep of the database itself.
//
// A new job is a type for its arguments, a function, and one line where the program is wired. One that comes by itself:
//
//	type digestArgs struct{}
//	func (digestArgs) Kind() string { return "digest" }
//	func (d *digester) run(ctx context.Context, args digestArgs) error { … }
//
//	task.Periodic(queue, time.Hour, digestArgs{}, d.run)
//
// Tasks that people and programs ask for, with an owner, a result or a file to download, are launched:
//
//	task.RegisterLaunched(queue, func(ctx context.Context, args cleanupArgs, run *task.Run) error { … run.Progress(n, total) … })
//	id, err := task.Launch(ctx, queue, "cleanup", cleanupArgs{Days: 30})
//
// A job must bear to be run again from its beginning: an aggregator that is killed in the middle leaves that to another.
package task

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	// workers is how many jobs one aggregator works at: they share the cores with agents.
	workers = 2
	// runLimit bounds a run. rescueAfter is when the job of an aggregator that was killed goes to another one.
	runLimit    = 10 * time.Minute
	rescueAfter = 12 * time.Minute
	// fetchCooldown lets some hundred small jobs through a second. River sends no second notification within it, be it
	// that the first one's job is done already: fetchPoll is how long such a job waits, or one whose notification got lost.
	fetchCooldown = 20 * time.Millisecond
	fetchPoll     = time.Second
	// stopLimit is how long jobs may take to stop once their context has ended.
	stopLimit = 10 * time.Second
)

// Options is what a queue needs beside its database.
type Options struct {
	Metrics prometheus.Registerer // nil: none
	Log     *slog.Logger

	// Files is the folder where tasks leave what can be downloaded; it is made when it is needed. Aggregators on one
	// database share it, or have those files only where the task ran. "": tasks with files fail.
	Files     string
	FilesMost int64         // bytes of all of them together; 0: any number
	Retention time.Duration // how long a finished task and its file are kept; 0: a week
}

// defaultRetention is how long a finished task is kept.
const defaultRetention = 7 * 24 * time.Hour

// Queue is the background work of one database. All aggregators on it share the work: a job runs on one of them. Its
// methods are safe for concurrent use; Periodic and RegisterLaunched are for before Run.
type Queue struct {
	pool    *pgxpool.Pool
	store   *store.Store
	client  *river.Client[pgx.Tx]
	workers *river.Workers
	metrics *metrics
	log     *slog.Logger
	wiring  error // what Periodic and RegisterLaunched were told wrong

	kinds         []string // of the tasks that RegisterLaunched knows
	files         folder
	retention     time.Duration
	dead, tending time.Duration // deadAfter and tendInterval, but for tests
}

// Open returns a queue in a database that Migrate was called for, with connections of its own, so that background work
// takes none from a push. Close it after Run.
func Open(ctx context.Context, dsn string, o Options) (*Queue, error) {
	pool, err := store.OpenBackground(ctx, dsn)
	if err != nil {
		return nil, err
	}
	q := &Queue{pool: pool, store: store.New(pool), workers: river.NewWorkers(), metrics: newMetrics(o.Metrics), log: o.Log}
	q.files, q.retention, q.dead, q.tending = folder{o.Files, o.FilesMost}, cmp.Or(o.Retention, defaultRetention), deadAfter, tendInterval
	q.client, err = river.NewClient(riverpgxv5.New(pool), &river.Config{
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}, launchedQueue: {MaxWorkers: launchedWorkers}},
		Workers:              q.workers,
		Logger:               warnings(o.Log),
		ErrorHandler:         &failures{log: o.Log},
		FetchCooldown:        fetchCooldown,
		FetchPollInterval:    fetchPoll,
		FetchOnlyKnownKinds:  true, // an older aggregator leaves the jobs of a newer one alone
		JobTimeout:           runLimit,
		RescueStuckJobsAfter: rescueAfter,
		// The queue stays small. REINDEX CONCURRENTLY would wait for every transaction there is.
		ReindexerSchedule: river.NeverSchedule(),
	})
	if err != nil {
		q.Close()
		return nil, fmt.Errorf("task queue: %w", err)
	}
	return q, nil
}

// Close closes the queue's connections.
func (q *Queue) Close() {
	q.store.Close()
	q.pool.Close()
}

// Run works jobs off until ctx ends. Those under way are told to stop then, and begin anew elsewhere.
func (q *Queue) Run(ctx context.Context) error {
	if q.wiring != nil {
		return fmt.Errorf("task queue: %w", q.wiring)
	}
	// Jobs get to know from StopAndCancel that the program ends; a job that merely saw its context end would have failed.
	if err := q.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start the task queue: %w", err)
	}
	q.tend(ctx)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	if err := q.client.StopAndCancel(stop); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("stop the task queue: %w", err)
	}
	return nil
}
