// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// HeadRef is a head with what names it.
type HeadRef struct {
	ID        int64
	Machine   int64
	Serial    string
	Source    Source
	Root      asset.Digest
	Seq       int64
	FirstAt   time.Time
	ChangedAt time.Time
	LastSeen  time.Time
	Archived  bool
}

// Of several heads the live ones come first, then the one that was seen last.
const findHeadSQL = `
SELECT h.id, h.machine, m.serial_number, s.id, s.module, s.name, s.config, h.root, h.seq, h.first_at, h.changed_at, h.last_seen,
       h.archived_at IS NOT NULL
FROM machine m
JOIN head h ON h.machine = m.id
JOIN source s ON s.id = h.source
WHERE m.serial_number = $1 AND ($2 = '' OR s.name = $2)
ORDER BY h.archived_at IS NOT NULL, h.last_seen DESC, h.id
LIMIT 1`

// FindHead returns the head of a machine by the name of its source; without a name, and where sources share one, the
// live head that was seen last. ErrNotFound when there is none; archived heads count.
func (s *Store) FindHead(ctx context.Context, serial, source string) (HeadRef, error) {
	var h HeadRef
	var root []byte
	err := s.pool.QueryRow(ctx, findHeadSQL, serial, source).Scan(&h.ID, &h.Machine, &h.Serial, &h.Source.ID, &h.Source.Module,
		&h.Source.Name, &h.Source.Config, &root, &h.Seq, &h.FirstAt, &h.ChangedAt, &h.LastSeen, &h.Archived)
	if err == nil {
		h.Root, err = asset.ParseDigest(root)
	}
	if err != nil {
		return HeadRef{}, fmt.Errorf("snapshot of machine %q: %w", serial, notFound(err))
	}
	return h, nil
}

// ChangeFilter chooses changes of one head; zero fields choose all.
type ChangeFilter struct {
	Since  time.Time // at or after
	Until  time.Time // before
	Before int64     // seq of the last change of the page before
	Limit  int       // at most so many; needed
}

// Change is what one commit did. The first one of a head only names the kinds that came: SectionsAtSeq has the rest.
type Change struct {
	Seq    int64
	At     time.Time
	Root   asset.Digest // afterwards
	Kinds  []string
	Deltas []pack.Delta
}

const changeColumns = `seq, at, root, kinds, delta`

const listChangesSQL = `
SELECT ` + changeColumns + `
FROM change
WHERE head = $1 AND at >= coalesce($2::timestamptz, '-infinity') AND at < coalesce($3::timestamptz, 'infinity') AND ($4 = 0 OR seq < $4)
ORDER BY seq DESC
LIMIT $5`

// ListChanges returns the changes of a head that are kept, the newest first. Shared assets are named by dictionary
// ids: BodiesOf has their bodies.
func (s *Store) ListChanges(ctx context.Context, head int64, f ChangeFilter) ([]Change, error) {
	rows, _ := s.pool.Query(ctx, listChangesSQL, head, optionalTime(f.Since), optionalTime(f.Until), f.Before, f.Limit) // its error comes back from CollectRows
	changes, err := pgx.CollectRows(rows, scanChange)
	if err != nil {
		return nil, fmt.Errorf("changes of head %d: %w", head, err)
	}
	return changes, nil
}

func scanChange(row pgx.CollectableRow) (Change, error) {
	stored, err := pgx.RowToStructByPos[storedChange](row)
	if err != nil {
		return Change{}, err
	}
	return stored.decode()
}

// storedChange is a row of the change log.
type storedChange struct {
	Seq   int64
	At    time.Time
	Root  []byte
	Kinds []string
	Delta []byte
}

func (c *storedChange) decode() (Change, error) {
	root, err := asset.ParseDigest(c.Root)
	if err != nil {
		return Change{}, fmt.Errorf("change %d: %w", c.Seq, err)
	}
	deltas, err := pack.DecodeDeltas(c.Delta)
	if err != nil {
		return Change{}, fmt.Errorf("change %d: %w", c.Seq, err)
	}
	return Change{Seq: c.Seq, At: c.At, Root: root, Kinds: c.Kinds, Deltas: deltas}, nil
}

// SharedAsset is an asset of the dictionary with its body.
type SharedAsset struct {
	ID      int64
	Digest  asset.Digest
	Kind    string
	Name    string
	Version string
	Body    []byte // canonical
}

const sharedAssetsSQL = `
SELECT id, digest, kind, name, version, body::text FROM asset WHERE id = ANY ($1)`

// BodiesOf returns shared assets by their dictionary ids; ids may repeat. It asks in batches, so that ids may be as
// many as memory holds. An id that the dictionary lacks is ErrNoAsset.
func (s *Store) BodiesOf(ctx context.Context, ids []int64) (map[int64]SharedAsset, error) {
	bodies := make(map[int64]SharedAsset, len(ids))
	if err := readBodies(ctx, s.pool, ids, bodies); err != nil {
		return nil, err
	}
	for _, id := range ids {
		if _, ok := bodies[id]; !ok {
			return nil, fmt.Errorf("body of asset %d: %w", id, ErrNoAsset)
		}
	}
	return bodies, nil
}

// ExportBodies is BodiesOf for exports: it asks where StreamHeads reads, and the primary for what a replica lacks.
func (s *Store) ExportBodies(ctx context.Context, ids []int64) (map[int64]SharedAsset, error) {
	bodies := make(map[int64]SharedAsset, len(ids))
	err := s.inExport(ctx, func(ctx context.Context, tx pgx.Tx) error { return readBodies(ctx, tx, ids, bodies) })
	if err != nil {
		return nil, err
	}
	var missing []int64
	for _, id := range ids {
		if _, ok := bodies[id]; !ok {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return bodies, nil
	}
	late, err := s.BodiesOf(ctx, missing)
	maps.Copy(bodies, late)
	return bodies, err
}

// readBodies puts those of the assets that are there into bodies.
func readBodies(ctx context.Context, db querier, ids []int64, bodies map[int64]SharedAsset) error {
	const batch = 5000
	for some := range slices.Chunk(ids, batch) {
		rows, _ := db.Query(ctx, sharedAssetsSQL, some) // its error comes back from CollectRows
		found, err := pgx.CollectRows(rows, scanSharedAsset)
		if err != nil {
			return fmt.Errorf("bodies of assets: %w", err)
		}
		for _, a := range found {
			bodies[a.ID] = a
		}
	}
	return nil
}

func scanSharedAsset(row pgx.CollectableRow) (SharedAsset, error) {
	var a SharedAsset
	var digest []byte
	var body string
	err := row.Scan(&a.ID, &digest, &a.Kind, &a.Name, &a.Version, &body)
	if err != nil {
		return a, err
	}
	a.Body = []byte(body)
	a.Digest, err = asset.ParseDigest(digest)
	return a, err
}
