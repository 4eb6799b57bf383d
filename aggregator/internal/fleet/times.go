// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

const (
	secondsPerDay = 24 * 60 * 60
	// dayZero is Monday, 2026-06-01T00:00:00Z, as seconds since 1970.
	dayZero = 1780272000
)

// clock tells when a machine installed what it has.
type clock struct {
	die         die
	provisioned int // the day, before day 0, that the machine was set up
	begin       int // second of the day at which it installs and upgrades
}

func (m Machine) clock() clock {
	d := m.die.of(saltClock)
	return clock{
		die:         d,
		provisioned: -60 - m.die.of(saltProvisioned).n(340),
		begin:       2*60*60 + d.n(4*60*60),
	}
}

// install is the time that product number i of the machine came: those of its role when it was set up, at three a
// second, the others in batches during the seven weeks after that.
func (c clock) install(i, ofRole int) int64 {
	const batch = 16
	day, second := c.provisioned, c.begin+i/3
	if i >= ofRole {
		number := (i - ofRole) / batch
		day += 1 + c.die.of(saltBatch).of(number).n(50)
		second = c.begin + i%batch
	}
	return dayZero + int64(day)*secondsPerDay + int64(second)
}

// upgrade is the time that a group's release came on a day.
func (c clock) upgrade(day, group int) int64 {
	return dayZero + int64(day)*secondsPerDay + int64(c.begin+group%300)
}

// buckets returns the assets of install_times for rows in the order of their digests, as snapshot.Split cuts them. It
// writes the canonical bodies itself: there are 256 of them on each machine.
func buckets(kind string, rows []row) *snapshot.Section {
	section := &snapshot.Section{Kind: snapshot.KindInstallTimes, Assets: make([]snapshot.Asset, 0, 256)}
	var body []byte
	for start := 0; start < len(rows); {
		first := rows[start].asset.Digest[:1]
		body = append(body[:0], `{"bucket":"`...)
		body = hex.AppendEncode(body, first)
		body = append(body, `","kind":"`+kind+`","times":[`...)
		end := start
		for ; end < len(rows) && rows[end].asset.Digest[0] == first[0]; end++ {
			if end > start {
				body = append(body, ',')
			}
			body = strconv.AppendInt(body, rows[end].seconds, 10)
		}
		body = append(body, "]}"...)
		kept := slices.Clone(body)
		section.Assets = append(section.Assets, snapshot.Asset{Digest: asset.Of(section.Kind, kept), Body: kept})
		start = end
	}
	slices.SortFunc(section.Assets, func(a, b snapshot.Asset) int { return a.Digest.Compare(b.Digest) })
	return section
}
