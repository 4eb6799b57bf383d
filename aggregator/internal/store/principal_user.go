// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// KindPrincipalUser is the section that names who uses a machine.
const KindPrincipalUser = "principal_user"

// PrincipalUser is who uses a machine, as one of its sources says. The zero PrincipalUser is nobody.
type PrincipalUser struct {
	UniqueID      string `json:"unique_id"`
	PrincipalName string `json:"principal_name"`
	DisplayName   string `json:"display_name"`
}

// PrincipalUserOf reads the section; it is the zero PrincipalUser when there is none, or none of its form.
func PrincipalUserOf(section []snapshot.Asset) PrincipalUser {
	var user PrincipalUser
	if len(section) == 1 {
		_ = json.Unmarshal(section[0].Body, &user) // a key of an unexpected type leaves the others filled
	}
	return user
}

const (
	putPrincipalUserSQL = `
INSERT INTO head_principal_user (head, unique_id, principal_name, display_name) VALUES ($1, $2, $3, $4)
ON CONFLICT (head) DO UPDATE SET unique_id = excluded.unique_id, principal_name = excluded.principal_name,
    display_name = excluded.display_name`
	dropPrincipalUserSQL = `DELETE FROM head_principal_user WHERE head = $1`
)

// queuePrincipalUser writes the user of a head whose section changed.
func queuePrincipalUser(batch *pgx.Batch, head int64, user PrincipalUser) {
	if user == (PrincipalUser{}) {
		batch.Queue(dropPrincipalUserSQL, head)
		return
	}
	batch.Queue(putPrincipalUserSQL, head, user.UniqueID, user.PrincipalName, user.DisplayName)
}

// head_principal_user_unique_id, head_principal_user_principal_name
const machinesOfUsersSQL = `
SELECT DISTINCT m.serial_number FROM (
    SELECT p.head FROM unnest($1::text[]) AS u(id) JOIN head_principal_user p ON p.unique_id = u.id
    UNION
    SELECT p.head FROM unnest($2::text[]) AS u(name) JOIN head_principal_user p ON p.principal_name = u.name
) used
JOIN head h ON h.id = used.head AND h.archived_at IS NULL
JOIN machine m ON m.id = h.machine
WHERE ` + inReachSQL + `
ORDER BY m.serial_number`

// inReachSQL limits machine m to a scope, whose tags are $3.
const inReachSQL = `($3::bigint[] IS NULL OR EXISTS (SELECT FROM machine_tag t WHERE t.machine = m.id AND t.tag = ANY ($3)))`

// MachinesOfUsers returns the serial numbers, each once, of the known machines in reach whose principal user has one of
// the unique ids or one of the principal names, letter for letter.
func (s *Store) MachinesOfUsers(ctx context.Context, uniqueIDs, principalNames []string) ([]string, error) {
	rows, _ := s.pool.Query(ctx, machinesOfUsersSQL, list(uniqueIDs), list(principalNames), auth.ReachOf(ctx).Tags) // its error comes back from CollectRows
	serials, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("machines of principal users: %w", err)
	}
	return serials, nil
}

const (
	backfillFromSQL = `SELECT after FROM principal_user_backfill FOR UPDATE`
	// The locks keep commits away, which write the same rows.
	backfillHeadsSQL = `
SELECT id FROM head WHERE id > $1 ORDER BY id LIMIT $2 FOR NO KEY UPDATE`
	backfillUsersSQL = `
INSERT INTO head_principal_user (head, unique_id, principal_name, display_name)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[])
ON CONFLICT (head) DO NOTHING`
	// Indexes that were built before learn who it is.
	journalUsersSQL = `
INSERT INTO journal (what, machine) SELECT DISTINCT 'machine', machine FROM head WHERE id = ANY ($1)`
	backfillToSQL  = `UPDATE principal_user_backfill SET after = $1`
	backfillEndSQL = `DELETE FROM principal_user_backfill`
)

// BackfillPrincipalUsers reads the users of up to limit heads that were there before users were kept apart, and
// returns how many heads it read: fewer than limit means that none are left.
func (s *Store) BackfillPrincipalUsers(ctx context.Context, limit int) (read int, err error) {
	err = s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var after int64
		if err := tx.QueryRow(ctx, backfillFromSQL).Scan(&after); err != nil {
			if errors.Is(err, pgx.ErrNoRows) {
				return nil // done
			}
			return err
		}
		rows, _ := tx.Query(ctx, backfillHeadsSQL, after, limit) // its error comes back from CollectRows
		heads, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		if read = len(heads); read == 0 {
			_, err = tx.Exec(ctx, backfillEndSQL)
			return err
		}
		if err := backfillUsers(ctx, tx, heads); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, backfillToSQL, heads[len(heads)-1])
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("backfill principal users: %w", err)
	}
	return read, nil
}

func backfillUsers(ctx context.Context, tx pgx.Tx, heads []int64) error {
	sections, err := foldHeads(ctx, tx, heads, []string{KindPrincipalUser})
	if err != nil {
		return err
	}
	var with []int64
	var ids, names, shown []string
	for _, head := range heads {
		section := sections[head][KindPrincipalUser]
		if section == nil {
			continue
		}
		if user := PrincipalUserOf(section.Facts); user != (PrincipalUser{}) {
			with, ids = append(with, head), append(ids, user.UniqueID)
			names, shown = append(names, user.PrincipalName), append(shown, user.DisplayName)
		}
	}
	if len(with) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, backfillUsersSQL, with, ids, names, shown); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, journalUsersSQL, with)
	return err
}
