// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// ErrExists says that the name is taken.
var ErrExists = errors.New("exists already")

// Token is an API token. The secret itself is not stored.
type Token struct {
	ID         string // UUID
	Name       string
	Role       auth.Role
	CreatedAt  time.Time
	ExpiresAt  *time.Time // nil: never
	LastUsedAt *time.Time // at most a minute too early; nil: not used yet
	RevokedAt  *time.Time // nil: valid
}

const tokenColumns = `id::text, name, role, created_at, expires_at, last_used_at, revoked_at`

const createTokenSQL = `
INSERT INTO api_token (name, digest, role, expires_at)
VALUES ($1, $2, $3, $4)
RETURNING ` + tokenColumns

// CreateToken stores the digest of a new token; expiresAt may be nil. A name that is taken, be it by a revoked token,
// is ErrExists.
func (s *Store) CreateToken(ctx context.Context, name string, role auth.Role, digest auth.Digest, expiresAt *time.Time) (Token, error) {
	rows, _ := s.pool.Query(ctx, createTokenSQL, name, digest[:], role, expiresAt) // its error comes back from CollectExactlyOneRow
	token, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Token])
	if err != nil {
		return Token{}, fmt.Errorf("create token %q: %w", name, nameTaken(err))
	}
	return token, nil
}

const tokenByDigestSQL = `
WITH found AS (
	SELECT * FROM api_token
	WHERE digest = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
), used AS (
	UPDATE api_token t SET last_used_at = now()
	FROM found f
	WHERE t.id = f.id AND (f.last_used_at IS NULL OR f.last_used_at < now() - interval '1 minute')
)
SELECT ` + tokenColumns + ` FROM found`

// TokenByDigest returns the valid token with that digest and notes its use, at most once a minute. One that is
// unknown, revoked or expired is ErrNotFound.
func (s *Store) TokenByDigest(ctx context.Context, digest auth.Digest) (Token, error) {
	rows, _ := s.pool.Query(ctx, tokenByDigestSQL, digest[:]) // its error comes back from CollectExactlyOneRow
	token, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Token])
	if err != nil {
		return Token{}, fmt.Errorf("token: %w", notFound(err))
	}
	return token, nil
}

const listTokensSQL = `
SELECT ` + tokenColumns + ` FROM api_token ORDER BY name`

// ListTokens returns all tokens by name, the revoked ones too.
func (s *Store) ListTokens(ctx context.Context) ([]Token, error) {
	rows, _ := s.pool.Query(ctx, listTokensSQL) // its error comes back from CollectRows
	tokens, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Token])
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return tokens, nil
}

const revokeTokenSQL = `
UPDATE api_token SET revoked_at = coalesce(revoked_at, now()) WHERE name = $1`

// RevokeToken ends the token of that name at once and for good; revoking it again changes nothing.
func (s *Store) RevokeToken(ctx context.Context, name string) error {
	return s.execOne(ctx, fmt.Sprintf("revoke token %q", name), revokeTokenSQL, name)
}

// querier is a pool, a connection or a transaction.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// execOne runs a statement that has to find a row.
func (s *Store) execOne(ctx context.Context, what, sql string, args ...any) error {
	tag, err := s.pool.Exec(ctx, sql, args...)
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// notFound turns the driver's word for an empty result into ErrNotFound.
func notFound(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

// nameTaken turns a violated UNIQUE constraint into ErrExists.
func nameTaken(err error) error {
	const uniqueViolation = "23505"
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == uniqueViolation {
		return ErrExists
	}
	return err
}
