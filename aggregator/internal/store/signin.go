// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// How often signing in may fail before somebody has to wait, and how long at most. Every further failure doubles the
// wait from a second on; an hour without one begins anew.
const (
	freePerName    = 5
	freePerAddress = 20
	longestWait    = 15 * time.Minute
	memoryOfSignIn = time.Hour
)

// SignIn is how the throttle knows somebody who signs in. What it keeps are digests.
type SignIn struct {
	Name    string // as it was given
	Address string // the client's, or its network

	Request *auth.Request // for the audit log; nil: not over HTTP
}

// subject is a row of the throttle, and how many failures it is allowed.
type subject struct {
	digest [sha256.Size]byte
	free   int
}

func (s SignIn) name() subject {
	return subject{sha256.Sum256([]byte("name\x00" + strings.ToLower(s.Name))), freePerName}
}

func (s SignIn) address() subject {
	return subject{sha256.Sum256([]byte("address\x00" + s.Address)), freePerAddress}
}

// ThrottledError says that signing in has to wait.
type ThrottledError struct{ Wait time.Duration }

// Error implements error.
func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many attempts: wait %s", e.Wait.Round(time.Second))
}

const (
	// The attempt counts before its password is looked at, so that a thousand at once are a thousand.
	lockSubjectSQL = `
INSERT INTO login_throttle AS t (subject, failures, last_at) VALUES ($1, 0, clock_timestamp())
ON CONFLICT (subject) DO UPDATE SET failures = CASE WHEN t.last_at < clock_timestamp() - $2::interval THEN 0 ELSE t.failures END
RETURNING failures, greatest(extract(epoch FROM blocked_until - clock_timestamp()), 0)::float8`

	countSQL = `
UPDATE login_throttle
SET failures = $2, last_at = clock_timestamp(), blocked_until = clock_timestamp() + make_interval(secs => $3)
WHERE subject = $1`

	forgetSubjectSQL = `DELETE FROM login_throttle WHERE subject = $1`

	uncountSQL = `
UPDATE login_throttle SET failures = greatest(failures - 1, 0), blocked_until = NULL WHERE subject = $1`

	forgetOldSQL = `
DELETE FROM login_throttle WHERE subject IN (
    SELECT subject FROM login_throttle WHERE last_at < clock_timestamp() - $1::interval LIMIT 100 FOR UPDATE SKIP LOCKED)`
)

// AttemptSignIn counts an attempt as failed until CreateSession says otherwise, for all aggregators together. Before the
// wait is over it is a ThrottledError, and does not count.
func (s *Store) AttemptSignIn(ctx context.Context, who SignIn) error {
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		for _, subject := range []subject{who.name(), who.address()} { // in this order everywhere: no two wait for each other
			if err := subject.count(ctx, tx); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, forgetOldSQL, memoryOfSignIn)
		return err
	})
	if throttled, ok := errors.AsType[*ThrottledError](err); ok {
		return throttled
	}
	if err != nil {
		return fmt.Errorf("count an attempt to sign in: %w", err)
	}
	return nil
}

func (s subject) count(ctx context.Context, tx pgx.Tx) error {
	var failures int
	var wait *float64
	if err := tx.QueryRow(ctx, lockSubjectSQL, s.digest[:], memoryOfSignIn).Scan(&failures, &wait); err != nil {
		return err
	}
	if wait != nil && *wait > 0 {
		return &ThrottledError{time.Duration(*wait * float64(time.Second))}
	}
	failures++
	_, err := tx.Exec(ctx, countSQL, s.digest[:], failures, waitAfter(failures-s.free).Seconds())
	return err
}

// waitAfter is how long nobody may try after so many failures too many.
func waitAfter(beyond int) time.Duration {
	if beyond <= 0 {
		return 0
	}
	wait := time.Second
	for range beyond - 1 {
		if wait *= 2; wait >= longestWait {
			return longestWait
		}
	}
	return wait
}

// TakeBackAttempt says that the attempt was no failure, where no session comes of it.
func (s *Store) TakeBackAttempt(ctx context.Context, who SignIn) error {
	if err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error { return who.succeed(ctx, tx) }); err != nil {
		return fmt.Errorf("take an attempt to sign in back: %w", err)
	}
	return nil
}

// succeed takes the attempt back, and forgets what was tried with the name before.
func (s SignIn) succeed(ctx context.Context, tx pgx.Tx) error {
	name, address := s.name(), s.address()
	if _, err := tx.Exec(ctx, forgetSubjectSQL, name.digest[:]); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, uncountSQL, address.digest[:])
	return err
}
