// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// peerSchema keeps a row per asset per snapshot. It is as lean as that design gets: four-byte ids, one join table for
// all kinds, no foreign keys on it, install times in the join row, and only the indexes that its questions need.
const peerSchema = `
CREATE TABLE asset (
    id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest  bytea NOT NULL UNIQUE,
    kind    text NOT NULL,
    name    text NOT NULL,
    version text NOT NULL,
    body    jsonb NOT NULL
);
-- Finds software by kind and name.
CREATE INDEX asset_kind_name ON asset (kind, name);

CREATE TABLE machine_snapshot (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest     bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE machine_snapshot_asset (
    snapshot  integer NOT NULL,
    asset     integer NOT NULL,
    installed integer, -- seconds since 1970
    PRIMARY KEY (snapshot, asset)
);
-- Finds the snapshots, and by them the machines, that have an asset.
CREATE INDEX machine_snapshot_asset_asset ON machine_snapshot_asset (asset);

CREATE TABLE current_machine_snapshot (
    serial_number text NOT NULL,
    source        integer NOT NULL,
    snapshot      integer NOT NULL,
    version       bigint NOT NULL,
    last_seen     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (serial_number, source)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
-- Finds the machines that a snapshot is current of.
CREATE INDEX current_machine_snapshot_snapshot ON current_machine_snapshot (snapshot);

CREATE TABLE machine_snapshot_commit (
    serial_number text NOT NULL,
    source        integer NOT NULL,
    version       bigint NOT NULL,
    snapshot      integer NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (serial_number, source, version)
);`

// peerStore is the store to compare with: a row per asset per snapshot. It exists for these benchmarks only. It is safe
// for concurrent use.
type peerStore struct {
	pool *pgxpool.Pool

	mu    sync.Mutex
	known map[asset.Digest]int32 // ids of the dictionary
}

func newPeerStore(ctx context.Context, pool *pgxpool.Pool) (*peerStore, error) {
	if _, err := pool.Exec(ctx, peerSchema); err != nil {
		return nil, fmt.Errorf("peer's schema: %w", err)
	}
	return &peerStore{pool: pool, known: map[asset.Digest]int32{}}, nil
}

const (
	// An unchanged snapshot costs a commit and a time.
	peerTouchSQL = `
WITH seen AS (
    UPDATE current_machine_snapshot c SET last_seen = now(), version = c.version + 1
    FROM machine_snapshot s
    WHERE c.serial_number = $1 AND c.source = $2 AND s.id = c.snapshot AND s.digest = $3
    RETURNING c.snapshot, c.version)
INSERT INTO machine_snapshot_commit (serial_number, source, version, snapshot)
SELECT $1, $2, version, snapshot FROM seen`

	// Adds nothing when the same snapshot was stored before.
	peerSnapshotSQL = `
INSERT INTO machine_snapshot (digest) SELECT $1
WHERE NOT EXISTS (SELECT FROM machine_snapshot WHERE digest = $1)
ON CONFLICT DO NOTHING`

	peerSnapshotIDSQL = `SELECT id FROM machine_snapshot WHERE digest = $1`

	// Takes as much CPU as INSERT from unnest, and about a fifth less WAL.
	peerCopySQL = `COPY machine_snapshot_asset (snapshot, asset, installed) FROM STDIN (FORMAT binary)`

	peerCurrentSQL = `
WITH seen AS (
    INSERT INTO current_machine_snapshot AS c (serial_number, source, snapshot, version) VALUES ($1, $2, $3, 1)
    ON CONFLICT (serial_number, source) DO UPDATE
    SET snapshot = excluded.snapshot, version = c.version + 1, last_seen = now()
    RETURNING c.version)
INSERT INTO machine_snapshot_commit (serial_number, source, version, snapshot)
SELECT $1, $2, version, $3 FROM seen`
)

// peerSource is the only source of the peer.
const peerSource = 1

// commit stores a machine's snapshot, on disk when it returns. A first or changed one whose assets are known takes four
// round trips: is it the current one, begin and name it, its assets, make it current and commit.
func (p *peerStore) commit(ctx context.Context, serial string, root asset.Digest, assets []peerAsset) error {
	tag, err := p.pool.Exec(ctx, peerTouchSQL, serial, peerSource, root[:])
	if err != nil || tag.RowsAffected() > 0 {
		return err
	}
	if err := p.learn(ctx, assets); err != nil {
		return err
	}
	rows, err := p.joinRows(assets)
	if err != nil {
		return err
	}
	return p.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		err := p.write(ctx, conn, serial, root, rows)
		if err != nil && conn.Conn().PgConn().TxStatus() != 'I' {
			_, _ = conn.Exec(ctx, "ROLLBACK") // the pool closes a connection that is still in a transaction
		}
		return err
	})
}

// write is the transaction of a first or changed snapshot.
func (p *peerStore) write(ctx context.Context, conn *pgxpool.Conn, serial string, root asset.Digest, rows []joinRow) error {
	var id int32
	var isNew bool
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	batch.Queue(peerSnapshotSQL, root[:]).Exec(func(tag pgconn.CommandTag) error {
		isNew = tag.RowsAffected() > 0
		return nil
	})
	batch.Queue(peerSnapshotIDSQL, root[:]).QueryRow(func(row pgx.Row) error { return row.Scan(&id) })
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	if isNew {
		if _, err := conn.Conn().PgConn().CopyFrom(ctx, newJoinStream(id, rows), peerCopySQL); err != nil {
			return fmt.Errorf("assets of snapshot %d: %w", id, err)
		}
	}
	batch = &pgx.Batch{}
	batch.Queue(peerCurrentSQL, serial, peerSource, id)
	batch.Queue("COMMIT")
	return conn.SendBatch(ctx, batch).Close()
}
