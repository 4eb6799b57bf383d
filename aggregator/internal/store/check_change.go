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
    severity = $9, labels = $10, updated_at = now()
WHERE id = $1
RETURNING ` + checkColumns
	holdCheckSQL   = oneCheckSQL + ` FOR UPDATE`
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
			list(c.Tags), c.Expression, version, severity(&c), list(c.Labels))
		if err != nil {
			return checkNameTaken(err)
		}
		if err := defineCheck(ctx, tx, updated.ID); err != nil {
			return err
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

// DeleteCheck removes a check, its statuses and its waivers; ErrNotFound when there is none. The statuses of a fleet go in
// several transactions before the check does, even if who asked for it goes meanwhile. After an error some may be gone,
// and the check waits for its evaluation.
func (s *Store) DeleteCheck(ctx context.Context, id int64) error {
	ctx = context.WithoutCancel(ctx)
	if err := s.awaitEvaluation(ctx, id); err != nil {
		return err
	}
	if err := s.dropStatusesOf(ctx, id); err != nil {
		return err
	}
	err := s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error { return deleteCheck(ctx, tx, id) })
	if err != nil {
		return fmt.Errorf("delete check %d: %w", id, err)
	}
	return nil
}

func deleteCheck(ctx context.Context, tx pgx.Tx, id int64) error {
	if _, err := oneCheck(ctx, tx, holdCheckSQL, id); err != nil {
		return err
	}
	entries, err := deleteWaiversOf(ctx, tx, id) // before the statuses: who changes one settles statuses with its row locked
	if err != nil {
		return err
	}
	if err := dropLastStatuses(ctx, tx, id); err != nil {
		return err
	}
	gone, err := oneCheck(ctx, tx, deleteCheckSQL, id)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, endDefinitionsSQL, id); err != nil {
		return fmt.Errorf("end definitions: %w", err)
	}
	if err := record(ctx, tx, append(entries, auditCheck("deleted", &gone, nil))...); err != nil {
		return err
	}
	return announceChecks(ctx, tx, gone)
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
	Severity          string    `json:"severity"`
	Labels            []string  `json:"labels"`
	EvaluatedVersion  int       `json:"-"`
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
