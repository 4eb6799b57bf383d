// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

const (
	peerFindSQL = `SELECT id, digest FROM asset WHERE digest = ANY ($1::bytea[])`

	// Sorted, and without burning an id for every known asset.
	peerInsertSQL = `
INSERT INTO asset (digest, kind, name, version, body)
SELECT n.digest, n.kind, n.name, n.version, n.body::jsonb
FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[]) AS n(digest, kind, name, version, body)
WHERE NOT EXISTS (SELECT FROM asset a WHERE a.digest = n.digest)
ORDER BY n.digest
ON CONFLICT DO NOTHING`
)

// peerAsset is an asset of a snapshot, with all that the peer has to know of it.
type peerAsset struct {
	kind   string
	shared bool
	snapshot.Asset
	installed int64 // seconds since 1970, or snapshot.NoTime
}

// peerAssetsOf takes sections apart. Install times, which are facts of their own to us, belong to the rows here.
func peerAssetsOf(sections snapshot.Sections) []peerAsset {
	var out []peerAsset
	for kind, section := range sections {
		if kind == snapshot.KindInstallTimes {
			continue
		}
		k, _ := snapshot.KindOf(kind)
		times := snapshot.JoinTimes(section, sections[snapshot.KindInstallTimes])
		for i, a := range section.Assets {
			out = append(out, peerAsset{kind, k.Shared, a, times[i]})
		}
	}
	return out
}

// learn sees to it that the ids of all assets are remembered. It asks for the shared ones that it does not know in one
// statement; what is new then, and private facts, which almost always are, it inserts in another.
func (p *peerStore) learn(ctx context.Context, assets []peerAsset) error {
	unknown := p.unknown(assets)
	isPrivate := func(a peerAsset) bool { return !a.shared }
	if shared := slices.DeleteFunc(slices.Clone(unknown), isPrivate); len(shared) > 0 {
		rows, err := p.pool.Query(ctx, peerFindSQL, digestsOf(shared))
		if err == nil {
			err = p.remember(rows)
		}
		if err != nil {
			return fmt.Errorf("look up %d assets: %w", len(shared), err)
		}
		unknown = p.unknown(unknown)
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.SortFunc(unknown, func(a, b peerAsset) int { return a.Digest.Compare(b.Digest) })
	return p.insert(ctx, unknown)
}

// unknown returns the assets whose ids are not remembered.
func (p *peerStore) unknown(assets []peerAsset) []peerAsset {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []peerAsset
	for _, a := range assets {
		if _, ok := p.known[a.Digest]; !ok {
			out = append(out, a)
		}
	}
	return out
}

// insert adds assets, sorted by digest, and reads their ids in the same round trip.
func (p *peerStore) insert(ctx context.Context, fresh []peerAsset) error {
	columns := make([][]string, 4)
	for i := range fresh {
		var named struct{ Name, Version string }
		if fresh[i].shared {
			if err := json.Unmarshal(fresh[i].Body, &named); err != nil {
				return fmt.Errorf("asset of %s: %w", fresh[i].kind, err)
			}
		}
		for c, value := range []string{fresh[i].kind, named.Name, named.Version, string(fresh[i].Body)} {
			columns[c] = append(columns[c], value)
		}
	}
	digests := digestsOf(fresh)
	batch := &pgx.Batch{}
	batch.Queue(peerInsertSQL, digests, columns[0], columns[1], columns[2], columns[3])
	batch.Queue(peerFindSQL, digests).Query(p.remember)
	if err := p.pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("insert %d assets: %w", len(fresh), err)
	}
	return nil
}

// remember reads ids and digests.
func (p *peerStore) remember(rows pgx.Rows) error {
	var id int32
	var digest []byte
	_, err := pgx.ForEachRow(rows, []any{&id, &digest}, func() error {
		d, err := asset.ParseDigest(digest)
		if err != nil {
			return err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.known[d] = id
		return nil
	})
	return err
}

func digestsOf(assets []peerAsset) [][]byte {
	out := make([][]byte, len(assets))
	for i := range assets {
		out[i] = assets[i].Digest[:]
	}
	return out
}

// joinRow says that a snapshot has an asset.
type joinRow struct {
	asset     int32
	installed int64
}

// joinRows returns the rows of a snapshot by ascending asset, the order that its primary key likes best.
func (p *peerStore) joinRows(assets []peerAsset) ([]joinRow, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]joinRow, len(assets))
	for i := range assets {
		id, ok := p.known[assets[i].Digest]
		if !ok {
			return nil, fmt.Errorf("asset %s is not in the dictionary after its insertion", assets[i].Digest)
		}
		out[i] = joinRow{id, assets[i].installed}
	}
	slices.SortFunc(out, func(a, b joinRow) int { return cmp.Compare(a.asset, b.asset) })
	return out, nil
}

// newJoinStream returns rows in PostgreSQL's binary COPY format.
func newJoinStream(id int32, rows []joinRow) io.Reader {
	const rowBytes = 2 + 3*(4+4)
	out := make([]byte, 0, 32+len(rows)*rowBytes)
	out = append(out, "PGCOPY\n\xff\r\n\x00"...)
	out = binary.BigEndian.AppendUint64(out, 0) // flags, length of the extension
	field := func(v int32) {
		out = binary.BigEndian.AppendUint32(out, 4)
		out = binary.BigEndian.AppendUint32(out, uint32(v))
	}
	for _, row := range rows {
		out = binary.BigEndian.AppendUint16(out, 3)
		field(id)
		field(row.asset)
		if row.installed == snapshot.NoTime {
			out = binary.BigEndian.AppendUint32(out, ^uint32(0)) // NULL
			continue
		}
		field(int32(row.installed))
	}
	return bytes.NewReader(binary.BigEndian.AppendUint16(out, ^uint16(0)))
}
