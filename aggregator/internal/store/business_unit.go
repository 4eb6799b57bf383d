// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"crypto/sha1" //nolint:gosec // the contract's key, nothing secret
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// What the trees of machines that enrolled here name as the source of their business unit.
const (
	ownUnitModule = "zentral.contrib.inventory"
	ownUnitSource = "inventory"
	ownUnitPrefix = "MBU"
)

// ReportedUnit is a business unit as trees name it. It belongs to a meta business unit, which is what people see.
type ReportedUnit struct {
	Source    Source // without its id
	Reference string
	Name      string
}

// OwnUnit is the business unit that the trees of machines name which enrolled for a meta business unit.
func OwnUnit(metaBusinessUnit int64) ReportedUnit {
	reference := ownUnitPrefix + strconv.FormatInt(metaBusinessUnit, 10)
	return ReportedUnit{Source: Source{Module: ownUnitModule, Name: ownUnitSource}, Reference: reference, Name: reference}
}

// Key names the unit, whatever it is called: 40 hex digits of SHA-1 over its reference and source, made as the outside
// contract makes its digests: keys in order, each followed by its value or the value's own digest.
func (u *ReportedUnit) Key() string {
	source := map[string]string{"module": u.Source.Module, "name": u.Source.Name}
	if u.Source.Config != "" {
		source["config"] = sha1Hex(u.Source.Config)
	}
	return sha1Of(map[string]string{"reference": u.Reference, "source": sha1Of(source)})
}

func sha1Of(fields map[string]string) string {
	keys := make([]string, 0, len(fields))
	for key := range fields {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var all strings.Builder
	for _, key := range keys {
		all.WriteString(key + fields[key])
	}
	return sha1Hex(all.String())
}

func sha1Hex(text string) string {
	sum := sha1.Sum([]byte(text)) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}

// metaUnit returns the meta business unit that an own unit names, 0 for every other unit.
func (u *ReportedUnit) metaUnit() int64 {
	if u.Source.Module != ownUnitModule || u.Source.Name != ownUnitSource || u.Source.Config != "" {
		return 0
	}
	digits, own := strings.CutPrefix(u.Reference, ownUnitPrefix)
	id, err := strconv.ParseInt(digits, 10, 64)
	if !own || err != nil || strconv.FormatInt(id, 10) != digits {
		return 0
	}
	return max(id, 0)
}

const (
	findUnitSQL   = `SELECT id, name FROM business_unit WHERE key = $1`
	renameUnitSQL = `UPDATE business_unit SET name = $2, updated_at = now() WHERE id = $1 AND name <> $2`
	metaExistsSQL = `SELECT id FROM meta_business_unit WHERE id = $1 FOR KEY SHARE`
	insertUnitSQL = `
INSERT INTO business_unit (key, source_module, source_name, source_config, reference, name, meta_business_unit)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (key) DO NOTHING`
)

// EnsureBusinessUnit returns the id of a business unit. One that nobody has named before is attached to the meta
// business unit of the same name, made when there is none. The name of a known one follows what is reported.
func (s *Store) EnsureBusinessUnit(ctx context.Context, unit ReportedUnit) (int64, error) {
	id, name, err := findUnit(ctx, s.pool, unit.Key())
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		err = s.inTx(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
			id, err = ensureUnit(ctx, tx, unit)
			return err
		})
	case err == nil && name != unit.Name:
		_, err = s.pool.Exec(ctx, renameUnitSQL, id, unit.Name)
	}
	if err != nil {
		return 0, fmt.Errorf("business unit %q: %w", unit.Reference, err)
	}
	return id, nil
}

func findUnit(ctx context.Context, db querier, key string) (id int64, name string, err error) {
	err = db.QueryRow(ctx, findUnitSQL, key).Scan(&id, &name)
	return id, name, err
}

// ensureUnit is EnsureBusinessUnit within a transaction, for a unit that is new as far as one knows.
func ensureUnit(ctx context.Context, tx querier, unit ReportedUnit) (int64, error) {
	key := unit.Key()
	for {
		id, _, err := findUnit(ctx, tx, key)
		if !errors.Is(err, pgx.ErrNoRows) {
			return id, err
		}
		meta, err := metaUnitOf(ctx, tx, &unit)
		if err != nil {
			return 0, err
		}
		_, err = tx.Exec(ctx, insertUnitSQL, key, unit.Source.Module, unit.Source.Name, unit.Source.Config, unit.Reference, unit.Name, meta)
		if err != nil {
			return 0, err
		}
	}
}

// metaUnitOf chooses the meta business unit for a new unit.
func metaUnitOf(ctx context.Context, tx querier, unit *ReportedUnit) (int64, error) {
	if meta := unit.metaUnit(); meta != 0 {
		var id int64
		err := tx.QueryRow(ctx, metaExistsSQL, meta).Scan(&id)
		if !errors.Is(err, pgx.ErrNoRows) {
			return id, err
		}
	}
	return ensureMetaUnit(ctx, tx, unit.Name)
}

// ensureOwnUnit makes the business unit of machines that enrol for a meta business unit.
func ensureOwnUnit(ctx context.Context, tx querier, metaBusinessUnit int64) error {
	_, err := ensureUnit(ctx, tx, OwnUnit(metaBusinessUnit))
	return err
}

// FleetUnit is a business unit and the meta business unit that it belongs to.
type FleetUnit struct {
	ID       int64
	Reported ReportedUnit
	Meta     BusinessUnit
}

const businessUnitsSQL = `
SELECT b.id, b.source_module, b.source_name, b.source_config, b.reference, b.name, u.id, u.name
FROM business_unit b JOIN meta_business_unit u ON u.id = b.meta_business_unit
WHERE b.id > $1
ORDER BY b.id
LIMIT $2`

// BusinessUnits returns business units by id, those behind after and at most limit.
func (s *Store) BusinessUnits(ctx context.Context, after int64, limit int) ([]FleetUnit, error) {
	rows, _ := s.pool.Query(ctx, businessUnitsSQL, after, limit) // its error comes back from CollectRows
	units, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (u FleetUnit, err error) {
		r := &u.Reported
		err = row.Scan(&u.ID, &r.Source.Module, &r.Source.Name, &r.Source.Config, &r.Reference, &r.Name, &u.Meta.ID, &u.Meta.Name)
		return u, err
	})
	if err != nil {
		return nil, fmt.Errorf("business units: %w", err)
	}
	return units, nil
}

// maxUnitText bounds the reference and the name of a unit, which are part of an index and of a meta unit's name.
const maxUnitText = 256

// Storable tells whether a unit that somebody reported can be a row: it has a reference and a name of a fair length.
func (u *ReportedUnit) Storable() bool {
	for _, text := range []string{u.Reference, u.Name, u.Source.Module, u.Source.Name} {
		if text == "" || len(text) > maxUnitText || strings.ContainsRune(text, 0) {
			return false
		}
	}
	return true
}
