// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/event"
)

// Probe is a webhook with a filter.
type Probe struct {
	ID             int64
	Name           string
	Description    string
	Enabled        bool
	URL            string
	Secret         string
	PreviousSecret string    // signs too until PreviousUntil; empty: there is none
	PreviousUntil  time.Time // zero: there is none
	Filter         event.Filter
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// probeSinks begins the names of probes' sinks.
const probeSinks = "probe."

// SinkName is what the sink of a probe is called.
func (p *Probe) SinkName() string { return probeSinks + strconv.FormatInt(p.ID, 10) }

// probeRecord is a probe in the audit log: no secret, and of the address, which may have one, only where it leads.
type probeRecord struct {
	Name        string       `json:"name"`
	Description string       `json:"description"`
	Enabled     bool         `json:"enabled"`
	Receiver    string       `json:"receiver"`
	Filter      event.Filter `json:"filter"`
}

func (p *Probe) audit(action string, before, after *Probe) Audit {
	return Audit{
		Action: action, Object: "probe", ObjectID: strconv.FormatInt(p.ID, 10), ObjectName: p.Name,
		Before: before.record(), After: after.record(),
	}
}

func (p *Probe) record() any {
	if p == nil {
		return nil
	}
	return probeRecord{Name: p.Name, Description: p.Description, Enabled: p.Enabled, Receiver: Origin(p.URL), Filter: p.Filter}
}

// Origin returns the scheme and host of an address, which is all of it that is no secret.
func Origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
}

const (
	probesSQL = `
SELECT id, name, description, enabled, url, secret, coalesce(previous_secret, ''),
       coalesce(previous_until, '0001-01-01 00:00:00+00'), filter, created_at, updated_at
FROM probe`
	probeSQL         = probesSQL + ` WHERE id = $1`
	lockProbeSQL     = probeSQL + ` FOR UPDATE`
	probePageSQL     = probesSQL + ` WHERE id > $1 ORDER BY id LIMIT $2`
	enabledProbesSQL = probesSQL + ` WHERE enabled ORDER BY id`
)

// Probes lists probes by id behind one, at most limit.
func (s *Store) Probes(ctx context.Context, after int64, limit int) ([]Probe, error) {
	return s.probes(ctx, probePageSQL, after, limit)
}

// EnabledProbes lists the probes that are to be delivered to.
func (s *Store) EnabledProbes(ctx context.Context) ([]Probe, error) {
	return s.probes(ctx, enabledProbesSQL)
}

func (s *Store) probes(ctx context.Context, sql string, args ...any) ([]Probe, error) {
	rows, _ := s.pool.Query(ctx, sql, args...) // its error comes back from CollectRows
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Probe])
	if err != nil {
		return nil, fmt.Errorf("list probes: %w", err)
	}
	return found, nil
}

// Probe returns a probe.
func (s *Store) Probe(ctx context.Context, id int64) (Probe, error) {
	p, err := oneProbe(ctx, s.pool, probeSQL, id)
	if err != nil {
		return Probe{}, fmt.Errorf("probe %d: %w", id, err)
	}
	return p, nil
}

func oneProbe(ctx context.Context, db querier, sql string, id int64) (Probe, error) {
	rows, _ := db.Query(ctx, sql, id) // its error comes back from CollectExactlyOneRow
	p, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Probe])
	return p, notFound(err)
}

const (
	insertProbeSQL = `
INSERT INTO probe (name, description, enabled, url, secret, filter) VALUES ($1, $2, $3, $4, $5, $6)
RETURNING id`

	// What is committed from now on is delivered, whenever an aggregator notices the probe.
	beginSinkSQL = `
INSERT INTO sink (name, epoch, xid, id) SELECT $1, epoch, ` + journalEndSQL + ` FROM database_epoch
ON CONFLICT (name) DO UPDATE SET xid = excluded.xid, id = excluded.id, epoch = excluded.epoch, disabled_at = NULL, updated_at = now()`
)

// CreateProbe stores a probe with the secret it comes with. A name that is taken is a FieldError.
func (s *Store) CreateProbe(ctx context.Context, p Probe) (Probe, error) {
	var created Probe
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var id int64
		if err := tx.QueryRow(ctx, insertProbeSQL, p.Name, p.Description, p.Enabled, p.URL, p.Secret, p.Filter).Scan(&id); err != nil {
			return fieldError(err)
		}
		var err error
		if created, err = oneProbe(ctx, tx, probeSQL, id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, beginSinkSQL, created.SinkName()); err != nil {
			return err
		}
		return record(ctx, tx, created.audit("created", nil, &created))
	})
	if err != nil {
		return Probe{}, fmt.Errorf("create probe %q: %w", p.Name, err)
	}
	return created, nil
}

const (
	updateProbeSQL = `
UPDATE probe SET name = $2, description = $3, enabled = $4, url = $5, filter = $6, updated_at = clock_timestamp() WHERE id = $1`
	reviveSinkSQL = `UPDATE sink SET disabled_at = NULL, updated_at = now() WHERE name = $1`
)

// UpdateProbe replaces what is said about a probe; its secret stays. One that is enabled again begins with what happens
// from now on, and another address lets deliveries go on that the receiver at the old one had ended.
func (s *Store) UpdateProbe(ctx context.Context, p Probe) (Probe, error) {
	return s.changeProbe(ctx, "updated", p.ID, func(ctx context.Context, tx pgx.Tx, before *Probe) error {
		if _, err := tx.Exec(ctx, updateProbeSQL, p.ID, p.Name, p.Description, p.Enabled, p.URL, p.Filter); err != nil {
			return fieldError(err)
		}
		var err error
		switch {
		case p.Enabled && !before.Enabled:
			_, err = tx.Exec(ctx, beginSinkSQL, p.SinkName())
		case p.URL != before.URL:
			_, err = tx.Exec(ctx, reviveSinkSQL, p.SinkName())
		}
		return err
	})
}

const rotateProbeSQL = `
UPDATE probe
SET previous_secret = secret, previous_until = now() + $3, secret = $2, updated_at = clock_timestamp()
WHERE id = $1`

// RotateProbeSecret gives a probe another secret; the one before signs too for a while.
func (s *Store) RotateProbeSecret(ctx context.Context, id int64, secret string, both time.Duration) (Probe, error) {
	return s.changeProbe(ctx, "secret_rotated", id, func(ctx context.Context, tx pgx.Tx, _ *Probe) error {
		_, err := tx.Exec(ctx, rotateProbeSQL, id, secret, both)
		return err
	})
}

// changeProbe locks a probe, has it changed and notes that in the audit log.
func (s *Store) changeProbe(ctx context.Context, action string, id int64, change func(context.Context, pgx.Tx, *Probe) error) (Probe, error) {
	var after Probe
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		before, err := oneProbe(ctx, tx, lockProbeSQL, id)
		if err != nil {
			return err
		}
		if err := change(ctx, tx, &before); err != nil {
			return err
		}
		if after, err = oneProbe(ctx, tx, probeSQL, id); err != nil {
			return err
		}
		return record(ctx, tx, after.audit(action, &before, &after))
	})
	if err != nil {
		return Probe{}, fmt.Errorf("probe %d: %w", id, err)
	}
	return after, nil
}

// DeleteProbe deletes a probe, with how far it has come and its dead letters.
func (s *Store) DeleteProbe(ctx context.Context, id int64) error {
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		before, err := oneProbe(ctx, tx, lockProbeSQL, id)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM probe WHERE id = $1`, id); err != nil {
			return err
		}
		if err := forgetSink(ctx, tx, before.SinkName()); err != nil {
			return err
		}
		return record(ctx, tx, before.audit("deleted", &before, nil))
	})
	if err != nil {
		return fmt.Errorf("delete probe %d: %w", id, err)
	}
	return nil
}
