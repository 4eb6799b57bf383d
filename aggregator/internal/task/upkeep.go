// SPDX-License-Identifier: Apache-2.0

package task

import (
	"context"
	"log/slog"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	// partitionsAhead is for how many weeks the change log gets room. Two are enough to be ready.
	partitionsAhead = 8
	// journalDays is how long a reader of the journal may be away without having to begin anew.
	journalDays = 2
	// credentialDays is how long revoked credentials are kept: an agent that comes back later than that is told that its
	// credential is unknown instead of revoked.
	credentialDays = 90
	// deadLetterDays is how long events are kept that a sink gave up.
	deadLetterDays = 30
	// maxDeadLetters is how many are kept of one sink: a receiver may refuse everything for days.
	maxDeadLetters = 100_000
	// definitionDays is how long definitions are kept of checks that were deleted: events name them.
	definitionDays = 30
	// upkeepBatch bounds the rows of one transaction; a pause after each lets others at the disk.
	upkeepBatch = 10_000
	upkeepPause = 200 * time.Millisecond
	// backfillBatch bounds the heads that one transaction locks to read something of their sections.
	backfillBatch = 500
)

// Upkeep registers the periodic jobs that keep a database in order: room in the change log for the weeks to come, its
// weeks dropped once they ended snapshotRetentionDays ago, the journal, dead letters and revoked credentials trimmed, and
// after an upgrade the principal users of the machines that were there before. History and journal wait for sinks that
// are behind, up to a cap.
func Upkeep(q *Queue, snapshotRetentionDays int) {
	u := &upkeep{store: q.store, days: snapshotRetentionDays, log: q.log}
	Periodic(q, time.Hour, partitionsArgs{}, u.partitions)
	Periodic(q, time.Hour, retentionArgs{}, u.retention)
	Periodic(q, time.Hour, journalArgs{}, u.journal)
	Periodic(q, 24*time.Hour, credentialsArgs{}, u.credentials)
	Periodic(q, time.Hour, deadLettersArgs{}, u.deadLetters)
	Periodic(q, 24*time.Hour, principalUsersArgs{}, u.principalUsers)
}

type upkeep struct {
	store *store.Store
	days  int
	log   *slog.Logger
}

type (
	partitionsArgs     struct{}
	retentionArgs      struct{}
	journalArgs        struct{}
	credentialsArgs    struct{}
	deadLettersArgs    struct{}
	principalUsersArgs struct{}
)

// Kind implements Args.
func (partitionsArgs) Kind() string { return "partitions" }

// Kind implements Args.
func (retentionArgs) Kind() string { return "retention" }

// Kind implements Args.
func (journalArgs) Kind() string { return "journal" }

// Kind implements Args.
func (credentialsArgs) Kind() string { return "credentials" }

// Kind implements Args.
func (deadLettersArgs) Kind() string { return "dead_letters" }

// Kind implements Args.
func (principalUsersArgs) Kind() string { return "principal_users" }

func (u *upkeep) partitions(ctx context.Context, _ partitionsArgs) error {
	return u.store.EnsurePartitions(ctx, partitionsAhead)
}

func (u *upkeep) retention(ctx context.Context, _ retentionArgs) error {
	dropped, err := u.store.DropExpiredWeeks(ctx, u.days)
	if len(dropped) > 0 {
		u.log.Info("history dropped", "weeks", dropped, "snapshot_retention_days", u.days)
	}
	return err
}

func (u *upkeep) journal(ctx context.Context, _ journalArgs) error {
	err := inBatches(ctx, upkeepBatch, func() (int, error) { return u.store.TrimJournal(ctx, journalDays, upkeepBatch) })
	if err != nil {
		return err
	}
	missed, err := u.store.MarkMissed(ctx)
	for _, sink := range missed {
		u.log.Error("events lost: a sink was behind for so long that the journal was trimmed before it had delivered them",
			"sink", sink, "days", store.CapDays(journalDays))
	}
	return err
}

// deadLetters forgets what events need no more.
func (u *upkeep) deadLetters(ctx context.Context, _ deadLettersArgs) error {
	err := inBatches(ctx, upkeepBatch, func() (int, error) { return u.store.ForgetDefinitions(ctx, definitionDays, upkeepBatch) })
	if err != nil {
		return err
	}
	return inBatches(ctx, upkeepBatch, func() (int, error) {
		return u.store.ForgetDeadLetters(ctx, deadLetterDays, maxDeadLetters, upkeepBatch)
	})
}

func (u *upkeep) credentials(ctx context.Context, _ credentialsArgs) error {
	return inBatches(ctx, upkeepBatch, func() (int, error) { return u.store.ForgetCredentials(ctx, credentialDays, upkeepBatch) })
}

// principalUsers goes on until there was nothing at all, which is what ends the backfill.
func (u *upkeep) principalUsers(ctx context.Context, _ principalUsersArgs) error {
	return inBatches(ctx, 1, func() (int, error) { return u.store.BackfillPrincipalUsers(ctx, backfillBatch) })
}

// inBatches repeats something until a batch is not full.
func inBatches(ctx context.Context, full int, batch func() (int, error)) error {
	for {
		n, err := batch()
		if err != nil || n < full {
			return err
		}
		select {
		case <-time.After(upkeepPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
