// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// Credentials are what somebody who signs in with a password is held against.
type Credentials struct {
	Principal    int64
	Name         string
	PasswordHash string // "": cannot sign in with a password
	Disabled     bool
}

const passwordSQL = `
SELECT id, name, coalesce(password_hash, ''), disabled_at IS NOT NULL
FROM principal
WHERE lower(name) = lower($1) AND kind = 'user'`

// CredentialsOf returns those of the user with that name, whose case does not matter; ErrNotFound when there is none.
func (s *Store) CredentialsOf(ctx context.Context, name string) (Credentials, error) {
	rows, _ := s.pool.Query(ctx, passwordSQL, name) // its error comes back from CollectExactlyOneRow
	c, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Credentials])
	if err != nil {
		return Credentials{}, fmt.Errorf("user: %w", notFound(err))
	}
	return c, nil
}

const (
	insertSessionSQL = `
INSERT INTO session (digest, principal, expires_at)
SELECT $1, id, now() + make_interval(secs => $4)
FROM principal
WHERE id = $2 AND password_hash = $3 AND disabled_at IS NULL
RETURNING expires_at`
	noteSignInSQL  = `UPDATE principal SET last_login_at = now() WHERE id = $1`
	oldSessionsSQL = `DELETE FROM session WHERE principal = $1 AND expires_at <= now()`
)

// CreateSession stores the digest of a session's secret for somebody whose password was found to be right, and returns
// when it ends. When the credentials are not the principal's any more, it is ErrNotFound. who is how the throttle knows
// the one who signed in: its name is free again.
func (s *Store) CreateSession(ctx context.Context, c Credentials, digest auth.Digest, term time.Duration, who SignIn) (time.Time, error) {
	var end time.Time
	ctx = auth.WithPrincipal(ctx, auth.Principal{Kind: auth.User, ID: c.Principal, Name: c.Name})
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, noteSignInSQL, c.Principal); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, insertSessionSQL, digest[:], c.Principal, c.PasswordHash, term.Seconds()).Scan(&end); err != nil {
			return notFound(err)
		}
		if _, err := tx.Exec(ctx, oldSessionsSQL, c.Principal); err != nil {
			return err
		}
		if err := who.succeed(ctx, tx); err != nil {
			return err
		}
		return record(ctx, tx, signInEntry("created", c, who))
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("create session: %w", err)
	}
	return end, nil
}

// RefuseSession notes in the audit log that somebody did not get in. c is what the name they gave belongs to, zero when
// it is nobody's: such a name is not kept, for it may be a password.
func (s *Store) RefuseSession(ctx context.Context, c Credentials, who SignIn) error {
	err := record(ctx, s.pool, signInEntry("refused", c, who))
	if err != nil {
		return fmt.Errorf("refuse session: %w", err)
	}
	return nil
}

func signInEntry(action string, c Credentials, who SignIn) Audit {
	e := sessionEntry(action, c.Principal, c.Name, map[string]string{"address": who.Address})
	e.Request = who.Request
	return e
}

func sessionEntry(action string, principal int64, name string, after any) Audit {
	e := Audit{Action: action, Object: "session", ObjectName: name, After: after}
	if principal != 0 {
		e.ObjectID = strconv.FormatInt(principal, 10)
	}
	return e
}

const sessionByDigestSQL = `
WITH found AS (
	SELECT * FROM session WHERE digest = $1 AND expires_at > now()
), used AS (
	UPDATE session t SET last_used_at = now()
	FROM found f
	WHERE t.digest = f.digest AND (f.last_used_at IS NULL OR f.last_used_at < now() - interval '1 minute')
)
SELECT ` + holderColumns + `, f.expires_at, NULL::text, NULL::text FROM found f JOIN principal p ON p.id = f.principal`

// SessionByDigest returns whose session has that digest and notes its use, at most once a minute. One that is unknown or
// over is ErrNotFound.
func (s *Store) SessionByDigest(ctx context.Context, digest auth.Digest) (Holder, error) {
	rows, _ := s.pool.Query(ctx, sessionByDigestSQL, digest[:]) // its error comes back from CollectExactlyOneRow
	h, err := pgx.CollectExactlyOneRow(rows, scanHolder)
	if err != nil {
		return Holder{}, fmt.Errorf("session: %w", notFound(err))
	}
	return h, nil
}

const endSessionSQL = `
DELETE FROM session s USING principal p WHERE s.digest = $1 AND p.id = s.principal RETURNING p.id, p.name`

// EndSession ends the session with that digest; ErrNotFound when there is none.
func (s *Store) EndSession(ctx context.Context, digest auth.Digest) error {
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var id int64
		var name string
		if err := tx.QueryRow(ctx, endSessionSQL, digest[:]).Scan(&id, &name); err != nil {
			return notFound(err)
		}
		return record(ctx, tx, sessionEntry("deleted", id, name, nil))
	})
	if err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// endSessions ends all of a principal's but the one with the digest keep.
func endSessions(ctx context.Context, tx querier, principal int64, keep []byte) error {
	_, err := tx.Exec(ctx, `DELETE FROM session WHERE principal = $1 AND digest IS DISTINCT FROM $2`, principal, keep)
	return err
}

// SetPassword gives a user another password by its hash and ends its sessions but the one with the digest keep, which
// may be nil. A user that may do more than the actor is ErrBeyond.
func (s *Store) SetPassword(ctx context.Context, user int64, hash string, keep *auth.Digest) error {
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		a, err := lockAccount(ctx, tx, auth.User, user)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE principal SET password_hash = $2, updated_at = now() WHERE id = $1`, user, hash); err != nil {
			return err
		}
		var kept []byte
		if keep != nil {
			kept = keep[:]
		}
		if err := endSessions(ctx, tx, user, kept); err != nil {
			return err
		}
		return record(ctx, tx, a.entry("password_changed", nil, nil))
	})
	if err != nil {
		return fmt.Errorf("set password of user %d: %w", user, err)
	}
	return nil
}
