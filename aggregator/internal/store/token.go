// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// ErrExists says that the name is taken.
var ErrExists = errors.New("exists already")

// Token is an API token. The secret itself is not stored.
type Token struct {
	ID            string // UUID
	Name          string // unique among its principal's
	PrincipalID   int64
	PrincipalKind auth.Kind
	PrincipalName string
	Roles         []string // of its principal, in order
	Disabled      bool     // its principal is
	CreatedAt     time.Time
	ExpiresAt     *time.Time // nil: never
	LastUsedAt    *time.Time // at most a minute too early; nil: not used yet
	RevokedAt     *time.Time // nil: valid
}

// tokenAudit is what the audit log holds of a token.
type tokenAudit struct {
	Name      string     `json:"name"`
	Principal string     `json:"principal"`
	ExpiresAt *time.Time `json:"expires_at"`
}

func (t *Token) entry(action string, before, after any) Audit {
	return Audit{Action: action, Object: "token", ObjectID: t.ID, ObjectName: t.Name, Before: before, After: after}
}

func (t *Token) audit() tokenAudit { return tokenAudit{t.Name, t.PrincipalName, t.ExpiresAt} }

const (
	tokensSQL = `
SELECT t.id::text, t.name, p.id, p.kind, p.name,
       ARRAY(SELECT r.name FROM principal_role h JOIN role r ON r.id = h.role WHERE h.principal = p.id ORDER BY r.name),
       p.disabled_at IS NOT NULL, t.created_at, t.expires_at, t.last_used_at, t.revoked_at
FROM api_token t JOIN principal p ON p.id = t.principal `
	oneTokenSQL    = tokensSQL + `WHERE t.id::text = $1`
	lockTokenSQL   = tokensSQL + `WHERE t.id::text = $1 FOR UPDATE OF t`
	listTokensSQL  = tokensSQL + `WHERE ($1 = 0 OR t.principal = $1) AND (t.name, t.id::text) > ($2, $3) ORDER BY t.name, t.id::text LIMIT $4`
	insertTokenSQL = `
INSERT INTO api_token (principal, name, digest, expires_at) VALUES ($1, $2, $3, $4) RETURNING id::text`
	revokeTokenSQL = `UPDATE api_token SET revoked_at = now() WHERE id::text = $1`
)

// NewToken is a token to be.
type NewToken struct {
	Principal int64
	Name      string
	Digest    auth.Digest
	ExpiresAt *time.Time // nil: never
}

// CreateToken stores the digest of a principal's new token. An unknown principal is ErrNotFound; a name that another of
// its tokens has, be it a revoked one, ErrExists; a principal that may do more than the actor ErrBeyond.
func (s *Store) CreateToken(ctx context.Context, n NewToken) (Token, error) {
	var created Token
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var err error
		created, err = createToken(ctx, tx, n)
		return err
	})
	if err != nil {
		return Token{}, fmt.Errorf("create token %q: %w", n.Name, err)
	}
	return created, nil
}

// CreateTokenAccount makes a service account of the token's name with one role, and the token; n's principal does not
// count. A name that an account has is ErrExists, an unknown role ErrNotFound.
func (s *Store) CreateTokenAccount(ctx context.Context, n NewToken, role string) (Token, error) {
	var created Token
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		a, err := createAccount(ctx, tx, Account{Kind: auth.ServiceAccount, Name: n.Name, Roles: []string{role}}, "")
		if err != nil {
			return err
		}
		n.Principal, n.Name = a.ID, a.Name
		created, err = createToken(ctx, tx, n)
		return err
	})
	if fields, ok := errors.AsType[compliance.FieldErrors](err); ok {
		switch {
		case fields["roles[0]"] != nil:
			err = fmt.Errorf("role %q: %w", role, ErrNotFound)
		case slices.Equal(fields["name"], accountTaken["name"]):
			err = ErrExists
		}
	}
	if err != nil {
		return Token{}, fmt.Errorf("create token %q: %w", n.Name, err)
	}
	return created, nil
}

func createToken(ctx context.Context, tx pgx.Tx, n NewToken) (Token, error) {
	var id string
	err := tx.QueryRow(ctx, `SELECT name FROM principal WHERE id = $1 FOR SHARE`, n.Principal).Scan(&id)
	if err != nil {
		return Token{}, notFound(err)
	}
	if err := mayTouch(ctx, tx, n.Principal); err != nil {
		return Token{}, err
	}
	if err := tx.QueryRow(ctx, insertTokenSQL, n.Principal, n.Name, n.Digest[:], n.ExpiresAt).Scan(&id); err != nil {
		return Token{}, nameTaken(err)
	}
	created, err := oneToken(ctx, tx, oneTokenSQL, id)
	if err != nil {
		return Token{}, err
	}
	return created, record(ctx, tx, created.entry("created", nil, created.audit()))
}

func oneToken(ctx context.Context, db querier, sql, id string) (Token, error) {
	rows, _ := db.Query(ctx, sql, id) // its error comes back from CollectExactlyOneRow
	t, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Token])
	return t, notFound(err)
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
SELECT ` + holderColumns + `, f.expires_at, f.id::text, f.name FROM found f JOIN principal p ON p.id = f.principal`

// TokenByDigest returns whose valid token has that digest and notes its use, at most once a minute. One that is
// unknown, revoked or expired is ErrNotFound.
func (s *Store) TokenByDigest(ctx context.Context, digest auth.Digest) (Holder, error) {
	rows, _ := s.pool.Query(ctx, tokenByDigestSQL, digest[:]) // its error comes back from CollectExactlyOneRow
	h, err := pgx.CollectExactlyOneRow(rows, scanHolder)
	if err != nil {
		return Holder{}, fmt.Errorf("token: %w", notFound(err))
	}
	h.Principal.Until = h.ExpiresAt
	return h, nil
}

// TokenKey is the place of a token in the list of them.
type TokenKey struct{ Name, ID string }

// ListTokens returns tokens by name and id, the revoked ones too, those behind after and at most limit; of one principal,
// or with 0 of all.
func (s *Store) ListTokens(ctx context.Context, principal int64, after TokenKey, limit int) ([]Token, error) {
	rows, _ := s.pool.Query(ctx, listTokensSQL, principal, after.Name, after.ID, limit) // its error comes back from CollectRows
	tokens, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Token])
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return tokens, nil
}

// Token returns one token by its id; ErrNotFound when there is none.
func (s *Store) Token(ctx context.Context, id string) (Token, error) {
	t, err := oneToken(ctx, s.pool, oneTokenSQL, id)
	if err != nil {
		return Token{}, fmt.Errorf("token: %w", err)
	}
	return t, nil
}

// RevokeToken ends the token of that id at once and for good; revoking it again changes nothing.
func (s *Store) RevokeToken(ctx context.Context, id string) error {
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		t, err := oneToken(ctx, tx, lockTokenSQL, id)
		if err != nil || t.RevokedAt != nil {
			return err
		}
		if _, err := tx.Exec(ctx, revokeTokenSQL, id); err != nil {
			return err
		}
		return record(ctx, tx, t.entry("revoked", t.audit(), nil))
	})
	if err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	return nil
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
