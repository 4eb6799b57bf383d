// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
)

const (
	lockCheckSQL   = oneCheckSQL + ` FOR NO KEY UPDATE`
	updateCheckSQL = `
UPDATE jmespath_check
SET name = $2, description = $3, source_name = $4, platforms = $5, tags = $6, jmespath_expression = $7, version = $8,
    updated_at = now()
WHERE id = $1
RETURNING ` + checkColumns
	deleteCheckSQL = `DELETE FROM jmespath_check WHERE id = $1 RETURNING ` + checkColumns
)

// UpdateCheck replaces the definition of the check with c's id, of which Validate found nothing wrong. With evaluate the
// check has a new version: see compliance.VersionedChange. Its refusals are those of CreateCheck, and ErrNotFound.
func (s *Store) UpdateCheck(ctx context.Context, c compliance.Check) (updated compliance.Check, evaluate bool, err error) {
	err = s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := tagsExist(ctx, tx, c.Tags); err != nil { // before the check: see deleteTags
			return err
		}
		before, err := oneCheck(ctx, tx, lockCheckSQL, c.ID)
		if err != nil {
			return err
		}
		version := before.Version
		evaluate = compliance.VersionedChange(&before, &c)
		if evaluate {
			version++
		}
		updated, err = oneCheck(ctx, tx, updateCheckSQL, c.ID, c.Name, c.Description, c.SourceName, list(c.Platforms),
			list(c.Tags), c.Expression, version)
		if err != nil {
			return checkNameTaken(err)
		}
		if err := record(ctx, tx, auditCheck("updated", &before, &updated)); err != nil {
			return err
		}
		return announceChecks(ctx, tx, updated)
	})
	if err != nil {
		return compliance.Check{}, false, fmt.Errorf("change check %d: %w", c.ID, err)
	}
	return updated, evaluate, nil
}

// DeleteCheck removes a check and its statuses; ErrNotFound when there is none.
func (s *Store) DeleteCheck(ctx context.Context, id int64) error {
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		gone, err := oneCheck(ctx, tx, deleteCheckSQL, id)
		if err != nil {
			return err
		}
		if err := record(ctx, tx, auditCheck("deleted", &gone, nil)); err != nil {
			return err
		}
		return announceChecks(ctx, tx, gone)
	})
	if err != nil {
		return fmt.Errorf("delete check %d: %w", id, err)
	}
	return nil
}

// announceChecks tells readers of the journal, and makes commits that were computed with the checks as they were compute
// once more.
func announceChecks(ctx context.Context, tx pgx.Tx, checks ...compliance.Check) error {
	if err := journalChecks(ctx, tx, checks); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, raiseGenerationSQL) // last: every commit reads that row
	return err
}

func journalChecks(ctx context.Context, tx pgx.Tx, checks []compliance.Check) error {
	for i := range checks {
		if _, err := tx.Exec(ctx, journalCheckSQL, fmt.Sprint(checks[i].ID)); err != nil {
			return err
		}
	}
	return nil
}

// Statuses of an older version are of what is in the scope no more, once the newer version was evaluated everywhere.
const dropStatusesSQL = `
WITH outdated AS (
	SELECT check_id, machine FROM check_status
	WHERE check_id = $1 AND check_version < $2
	ORDER BY machine LIMIT $3
	FOR UPDATE
), dropped AS (
	DELETE FROM check_status s USING outdated o WHERE s.check_id = o.check_id AND s.machine = o.machine
	RETURNING s.machine, s.head
)
INSERT INTO journal (what, machine, head) SELECT 'status', machine, head FROM dropped ORDER BY machine`

// DropOutdatedStatuses removes the statuses of a check that are of an older version, a few thousand in a transaction.
func (s *Store) DropOutdatedStatuses(ctx context.Context, check int64, version int) error {
	const batch = 5000
	for {
		var dropped int64
		err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, dropStatusesSQL, check, version, batch)
			dropped = tag.RowsAffected()
			return err
		})
		if err != nil {
			return fmt.Errorf("drop outdated statuses of check %d: %w", check, err)
		}
		if dropped < batch {
			return nil
		}
	}
}

// checkAudit is how the audit log spells a check.
type checkAudit struct {
	ID                int64     `json:"id"`
	ComplianceCheckID int64     `json:"compliance_check_id"`
	Name              string    `json:"name"`
	Description       string    `json:"description"`
	Version           int       `json:"version"`
	SourceName        string    `json:"source_name"`
	Platforms         []string  `json:"platforms"`
	Tags              []int64   `json:"tags"`
	Expression        string    `json:"jmespath_expression"`
	CreatedAt         time.Time `json:"created_at"`
	UpdatedAt         time.Time `json:"updated_at"`
}

// auditCheck is the entry of a change of a check; either side may be nil, but not both.
func auditCheck(action string, before, after *compliance.Check) Audit {
	named := after
	if named == nil {
		named = before
	}
	return Audit{
		Action: action, Object: "jmespath_check", ObjectID: strconv.FormatInt(named.ID, 10), ObjectName: named.Name,
		Before: side((*checkAudit)(before)), After: side((*checkAudit)(after)),
	}
}
