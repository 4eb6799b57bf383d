// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

// Waiver lets a machine off a check until a moment: its status stays what it is, but does not count.
type Waiver struct {
	ID           int64
	CheckID      int64
	CheckName    string
	Machine      int64
	SerialNumber string
	Owner        string // who answers for it
	Reason       string
	CreatedAt    time.Time
	CreatedBy    string // name of the principal; empty: nobody's
	ExpiresAt    time.Time
	Active       bool // has not expired
}

// WaiverState says which waivers a list has.
type WaiverState string

// The states.
const (
	AnyWaiver     WaiverState = ""
	ActiveWaiver  WaiverState = "active"
	ExpiredWaiver WaiverState = "expired"
)

// WaiverFilter narrows a list of waivers; zero fields ask for nothing.
type WaiverFilter struct {
	CheckID      int64
	SerialNumber string
	State        WaiverState
}

const (
	waiversSQL = `
SELECT w.id, w.check_id, c.name, w.machine, m.serial_number, w.owner, w.reason, w.created_at, w.created_by, w.expires_at,
       w.expires_at > now()
FROM waiver w JOIN jmespath_check c ON c.id = w.check_id JOIN machine m ON m.id = w.machine
WHERE ($1::bigint[] IS NULL OR EXISTS (SELECT FROM machine_tag t WHERE t.machine = m.id AND t.tag = ANY ($1))) `
	listWaiversSQL = waiversSQL + `
  AND w.id > $2 AND ($4 = 0 OR w.check_id = $4) AND ($5 = '' OR m.serial_number = $5)
  AND ($6 = '' OR (w.expires_at > now()) = ($6 = 'active'))
ORDER BY w.id LIMIT $3`
	oneWaiverSQL  = waiversSQL + `AND w.id = $2`
	lockWaiverSQL = oneWaiverSQL + ` FOR NO KEY UPDATE OF w`
)

// Waivers returns the waivers of machines in reach by id, those behind after and at most limit.
func (s *Store) Waivers(ctx context.Context, f WaiverFilter, after int64, limit int) ([]Waiver, error) {
	rows, _ := s.pool.Query(ctx, listWaiversSQL, auth.ReachOf(ctx).Tags, after, limit, f.CheckID, f.SerialNumber, f.State) // its error comes back from CollectRows
	waivers, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Waiver])
	if err != nil {
		return nil, fmt.Errorf("waivers: %w", err)
	}
	return waivers, nil
}

// Waiver returns one waiver; ErrNotFound when there is none, or its machine is out of reach.
func (s *Store) Waiver(ctx context.Context, id int64) (Waiver, error) {
	w, err := oneWaiver(ctx, s.pool, oneWaiverSQL, id)
	if err != nil {
		return Waiver{}, fmt.Errorf("waiver %d: %w", id, err)
	}
	return w, nil
}

func oneWaiver(ctx context.Context, db querier, sql string, id int64) (Waiver, error) {
	rows, _ := db.Query(ctx, sql, auth.ReachOf(ctx).Tags, id) // its error comes back from CollectExactlyOneRow
	w, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Waiver])
	return w, notFound(err)
}

// The check is kept from being deleted until the transaction ends.
const (
	keepMachineSQL = `
SELECT m.id FROM machine m
WHERE m.serial_number = $1
  AND ($2::bigint[] IS NULL OR EXISTS (SELECT FROM machine_tag t WHERE t.machine = m.id AND t.tag = ANY ($2)))
FOR KEY SHARE`
	keepCheckSQL    = `SELECT id FROM jmespath_check WHERE id = $1 FOR KEY SHARE`
	insertWaiverSQL = `
INSERT INTO waiver (check_id, machine, owner, reason, created_by, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
RETURNING id`
)

// CreateWaiver lets a machine in reach, named by its serial number, off a check. Its refusals are compliance.FieldErrors:
// no such machine or check, or the two have a waiver already.
func (s *Store) CreateWaiver(ctx context.Context, w Waiver) (Waiver, error) {
	var created Waiver
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		id, err := insertWaiver(ctx, tx, w)
		if err != nil {
			return err
		}
		if created, err = oneWaiver(ctx, tx, oneWaiverSQL, id); err != nil {
			return err
		}
		if err := record(ctx, tx, auditWaiver("created", nil, &created)); err != nil {
			return err
		}
		return settleCompliance(ctx, tx, []int64{created.Machine})
	})
	if err != nil {
		return Waiver{}, fmt.Errorf("create waiver: %w", err)
	}
	return created, nil
}

func insertWaiver(ctx context.Context, tx pgx.Tx, w Waiver) (id int64, err error) {
	problems := compliance.FieldErrors{}
	err = tx.QueryRow(ctx, keepMachineSQL, w.SerialNumber, auth.ReachOf(ctx).Tags).Scan(&w.Machine)
	if errors.Is(err, pgx.ErrNoRows) {
		problems["serial_number"] = []string{"There is no machine with this serial number."}
	} else if err != nil {
		return 0, err
	}
	err = tx.QueryRow(ctx, keepCheckSQL, w.CheckID).Scan(&w.CheckID)
	if errors.Is(err, pgx.ErrNoRows) {
		problems["check_id"] = []string{fmt.Sprintf("There is no check %d.", w.CheckID)}
	} else if err != nil {
		return 0, err
	}
	if len(problems) > 0 {
		return 0, problems
	}
	_, _, by := actorOf(ctx)
	err = tx.QueryRow(ctx, insertWaiverSQL, w.CheckID, w.Machine, w.Owner, w.Reason, by, w.ExpiresAt).Scan(&id)
	if errors.Is(nameTaken(err), ErrExists) {
		return 0, compliance.FieldErrors{"serial_number": {"This machine has a waiver for this check already."}}
	}
	return id, err
}

// A waiver that is renewed will expire once more.
const updateWaiverSQL = `
UPDATE waiver SET owner = $2, reason = $3, expires_at = $4, ended_at = CASE WHEN $4 > now() THEN NULL ELSE ended_at END
WHERE id = $1`

// UpdateWaiver changes owner, reason and end of the waiver with w's id; ErrNotFound as for Waiver.
func (s *Store) UpdateWaiver(ctx context.Context, w Waiver) (Waiver, error) {
	var updated Waiver
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		before, err := oneWaiver(ctx, tx, lockWaiverSQL, w.ID)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, updateWaiverSQL, w.ID, w.Owner, w.Reason, w.ExpiresAt); err != nil {
			return err
		}
		if updated, err = oneWaiver(ctx, tx, oneWaiverSQL, w.ID); err != nil {
			return err
		}
		if err := record(ctx, tx, auditWaiver("updated", &before, &updated)); err != nil {
			return err
		}
		return settleCompliance(ctx, tx, []int64{before.Machine})
	})
	if err != nil {
		return Waiver{}, fmt.Errorf("change waiver %d: %w", w.ID, err)
	}
	return updated, nil
}

const deleteWaiverSQL = `DELETE FROM waiver WHERE id = $1`

const (
	lockWaiversOfSQL = `
SELECT w.id, w.check_id, c.name, w.machine, m.serial_number, w.owner, w.reason, w.created_at, w.created_by, w.expires_at,
       w.expires_at > now()
FROM waiver w JOIN jmespath_check c ON c.id = w.check_id JOIN machine m ON m.id = w.machine
WHERE w.check_id = $1
ORDER BY w.id
FOR UPDATE OF w`
	deleteWaiversOfSQL = `DELETE FROM waiver WHERE check_id = $1`
)

// deleteWaiversOf removes the waivers of a check that is about to be deleted, and returns what the audit log says of it.
// Whoever calls it drops the statuses of the check too, and settles what they meant, afterwards.
func deleteWaiversOf(ctx context.Context, tx pgx.Tx, check int64) ([]Audit, error) {
	rows, _ := tx.Query(ctx, lockWaiversOfSQL, check) // its error comes back from CollectRows
	gone, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Waiver])
	if err != nil {
		return nil, fmt.Errorf("waivers of check %d: %w", check, err)
	}
	if _, err := tx.Exec(ctx, deleteWaiversOfSQL, check); err != nil {
		return nil, fmt.Errorf("delete waivers of check %d: %w", check, err)
	}
	var entries []Audit
	for i := range gone {
		entries = append(entries, auditWaiver("deleted", &gone[i], nil))
	}
	return entries, nil
}

// DeleteWaiver removes a waiver: the status counts again. ErrNotFound as for Waiver.
func (s *Store) DeleteWaiver(ctx context.Context, id int64) error {
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		gone, err := oneWaiver(ctx, tx, lockWaiverSQL, id)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, deleteWaiverSQL, id); err != nil {
			return err
		}
		if err := record(ctx, tx, auditWaiver("deleted", &gone, nil)); err != nil {
			return err
		}
		return settleCompliance(ctx, tx, []int64{gone.Machine})
	})
	if err != nil {
		return fmt.Errorf("delete waiver %d: %w", id, err)
	}
	return nil
}

// waiverAudit is how the audit log spells a waiver.
type waiverAudit struct {
	ID           int64     `json:"id"`
	CheckID      int64     `json:"check_id"`
	CheckName    string    `json:"check_name"`
	SerialNumber string    `json:"serial_number"`
	Owner        string    `json:"owner"`
	Reason       string    `json:"reason"`
	ExpiresAt    time.Time `json:"expires_at"`
}

// auditWaiver is the entry of a change of a waiver; either side may be nil, but not both.
func auditWaiver(action string, before, after *Waiver) Audit {
	named := after
	if named == nil {
		named = before
	}
	return Audit{
		Action: action, Object: "waiver", ObjectID: strconv.FormatInt(named.ID, 10), ObjectName: named.SerialNumber + ": " + named.CheckName,
		Before: before.record(), After: after.record(),
	}
}

func (w *Waiver) record() any {
	if w == nil {
		return nil
	}
	return waiverAudit{w.ID, w.CheckID, w.CheckName, w.SerialNumber, w.Owner, w.Reason, w.ExpiresAt.UTC()}
}
