// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// Account is a user or a service account.
type Account struct {
	ID          int64
	Kind        auth.Kind
	Name        string // unique among all accounts, whatever the case
	DisplayName string
	Email       string
	Roles       []string // names, in order
	HasPassword bool
	DisabledAt  *time.Time // nil: may act
	CreatedAt   time.Time
	UpdatedAt   time.Time
	LastLoginAt *time.Time
}

// accountAudit is what the audit log holds of an account.
type accountAudit struct {
	Name        string   `json:"name"`
	DisplayName string   `json:"display_name"`
	Email       string   `json:"email"`
	Roles       []string `json:"roles"`
	Disabled    bool     `json:"disabled"`
}

func (a *Account) audit() accountAudit {
	return accountAudit{a.Name, a.DisplayName, a.Email, append([]string{}, a.Roles...), a.DisabledAt != nil}
}

const (
	accountsSQL = `
SELECT p.id, p.kind, p.name, p.display_name, p.email,
       ARRAY(SELECT r.name FROM principal_role h JOIN role r ON r.id = h.role WHERE h.principal = p.id ORDER BY r.name),
       p.password_hash IS NOT NULL, p.disabled_at, p.created_at, p.updated_at, p.last_login_at
FROM principal p `
	oneAccountSQL    = accountsSQL + `WHERE p.kind = $1 AND p.id = $2`
	namedAccountSQL  = accountsSQL + `WHERE p.kind = $1 AND lower(p.name) = lower($2)`
	listAccountsSQL  = accountsSQL + `WHERE p.kind = $1 AND p.id > $2 ORDER BY p.id LIMIT $3`
	lockAccountSQL   = `SELECT id FROM principal WHERE kind = $1 AND id = $2 FOR UPDATE`
	insertAccountSQL = `
INSERT INTO principal (kind, name, display_name, email, password_hash, disabled_at)
VALUES ($1, $2, $3, $4, nullif($5, ''), CASE WHEN $6 THEN now() END)
RETURNING id`
	updateAccountSQL = `
UPDATE principal
SET name = $2, display_name = $3, email = $4, disabled_at = CASE WHEN $5 THEN coalesce(disabled_at, now()) END, updated_at = now()
WHERE id = $1`
)

// CreateAccount stores a new account; of a, its kind, names, email, roles and whether it is disabled count. The password
// hash is a user's, or "". What does not fit is a compliance.FieldErrors, a role beyond the actor's own ErrBeyond.
func (s *Store) CreateAccount(ctx context.Context, a Account, passwordHash string) (Account, error) {
	var created Account
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var err error
		created, err = createAccount(ctx, tx, a, passwordHash)
		return err
	})
	if err != nil {
		return Account{}, fmt.Errorf("create %s %q: %w", a.Kind, a.Name, err)
	}
	return created, nil
}

func createAccount(ctx context.Context, tx pgx.Tx, a Account, passwordHash string) (Account, error) {
	if err := a.validate(); err != nil {
		return Account{}, err
	}
	var id int64
	err := tx.QueryRow(ctx, insertAccountSQL, a.Kind, a.Name, a.DisplayName, a.Email, passwordHash, a.DisabledAt != nil).Scan(&id)
	if err != nil {
		return Account{}, accountNameTaken(err)
	}
	if err := putRoles(ctx, tx, id, a.Roles); err != nil {
		return Account{}, err
	}
	created, err := oneAccount(ctx, tx, oneAccountSQL, a.Kind, id)
	if err != nil {
		return Account{}, err
	}
	return created, record(ctx, tx, created.entry("created", nil, created.audit()))
}

// PutAccount replaces what an account with a's kind and id says of itself, and its roles. Neither the account as it is
// nor as it is to be may do more than the actor: that is ErrBeyond. A disabled account's sessions end.
func (s *Store) PutAccount(ctx context.Context, a Account) (Account, error) {
	var stored Account
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		before, err := lockAccount(ctx, tx, a.Kind, a.ID)
		if err != nil {
			return err
		}
		if err := a.validate(); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, updateAccountSQL, a.ID, a.Name, a.DisplayName, a.Email, a.DisabledAt != nil); err != nil {
			return accountNameTaken(err)
		}
		if err := putRoles(ctx, tx, a.ID, a.Roles); err != nil {
			return err
		}
		if a.DisabledAt != nil {
			if err := endSessions(ctx, tx, a.ID, nil); err != nil {
				return err
			}
		}
		if stored, err = oneAccount(ctx, tx, oneAccountSQL, a.Kind, a.ID); err != nil {
			return err
		}
		return record(ctx, tx, stored.entry("updated", before.audit(), stored.audit()))
	})
	if err != nil {
		return Account{}, fmt.Errorf("change %s %d: %w", a.Kind, a.ID, err)
	}
	return stored, nil
}

// DeleteAccount removes an account with its tokens and sessions. What it did stays in the audit log.
func (s *Store) DeleteAccount(ctx context.Context, kind auth.Kind, id int64) error {
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		before, err := lockAccount(ctx, tx, kind, id)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM principal WHERE id = $1`, id); err != nil {
			return err
		}
		return record(ctx, tx, before.entry("deleted", before.audit(), nil))
	})
	if err != nil {
		return fmt.Errorf("delete %s %d: %w", kind, id, err)
	}
	return nil
}

// Account returns one account of a kind by its id; ErrNotFound when there is none.
func (s *Store) Account(ctx context.Context, kind auth.Kind, id int64) (Account, error) {
	a, err := oneAccount(ctx, s.pool, oneAccountSQL, kind, id)
	if err != nil {
		return Account{}, fmt.Errorf("%s %d: %w", kind, id, err)
	}
	return a, nil
}

// AccountNamed returns one account of a kind by its name, whose case does not matter; ErrNotFound when there is none.
func (s *Store) AccountNamed(ctx context.Context, kind auth.Kind, name string) (Account, error) {
	a, err := oneAccount(ctx, s.pool, namedAccountSQL, kind, name)
	if err != nil {
		return Account{}, fmt.Errorf("%s %q: %w", kind, name, err)
	}
	return a, nil
}

// ListAccounts returns the accounts of a kind by id, those behind after and at most limit.
func (s *Store) ListAccounts(ctx context.Context, kind auth.Kind, after int64, limit int) ([]Account, error) {
	rows, _ := s.pool.Query(ctx, listAccountsSQL, kind, after, limit) // its error comes back from CollectRows
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Account])
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return found, nil
}

func oneAccount(ctx context.Context, db querier, sql string, args ...any) (Account, error) {
	rows, _ := db.Query(ctx, sql, args...) // its error comes back from CollectExactlyOneRow
	a, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Account])
	return a, notFound(err)
}

// lockAccount keeps others from changing an account, and returns it if the actor may.
func lockAccount(ctx context.Context, tx pgx.Tx, kind auth.Kind, id int64) (Account, error) {
	if err := tx.QueryRow(ctx, lockAccountSQL, kind, id).Scan(&id); err != nil {
		return Account{}, notFound(err)
	}
	if err := mayTouch(ctx, tx, id); err != nil {
		return Account{}, err
	}
	return oneAccount(ctx, tx, oneAccountSQL, kind, id)
}

func (a *Account) entry(action string, before, after any) Audit {
	return Audit{
		Action: action, Object: string(a.Kind), ObjectID: strconv.FormatInt(a.ID, 10), ObjectName: a.Name, Before: before, After: after,
	}
}

// Bounds of texts, in bytes.
const (
	maxAccountName = 150
	maxAccountText = 254
)

// validate trims the texts and checks them.
func (a *Account) validate() error {
	problems := compliance.FieldErrors{}
	a.Name, a.DisplayName, a.Email = strings.TrimSpace(a.Name), strings.TrimSpace(a.DisplayName), strings.TrimSpace(a.Email)
	checkLine(problems, "name", a.Name, maxAccountName)
	checkLine(problems, "display_name", a.DisplayName, maxAccountText)
	checkLine(problems, "email", a.Email, maxAccountText)
	if a.Name == "" {
		problems["name"] = []string{"This field may not be blank."}
	}
	if a.Email != "" && !strings.Contains(a.Email, "@") {
		problems["email"] = []string{"Enter a valid email address."}
	}
	for i, role := range a.Roles {
		checkLine(problems, fmt.Sprintf("roles[%d]", i), role, maxAccountName)
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

var accountTaken = compliance.FieldErrors{"name": {"There is an account with this name already."}}

func accountNameTaken(err error) error {
	if errors.Is(nameTaken(err), ErrExists) {
		return accountTaken
	}
	return err
}
