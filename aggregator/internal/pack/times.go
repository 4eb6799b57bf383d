// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// Facts of snapshot.KindInstallTimes are most of what a machine has of its own. As text they would take twice the room
// of its two thousand packages, so they are packed as a table of the distinct moments, which are few since packages
// come in batches, and one position in it for each package. A fact of any other form is kept as it is.

// timesFact is one bucket of install times.
type timesFact struct {
	Kind   string
	Bucket string
	Times  []int64
}

// readTimes reads a fact; false when it is not byte for byte what timesBody writes. A change of one package comes by here with
// all buckets of its machine, so it is no job for encoding/json.
func readTimes(body []byte) (timesFact, bool) {
	var f timesFact
	rest, ok := bytes.CutPrefix(body, []byte(bucketKey))
	if !ok || len(rest) < 2 || !isHex(rest[0]) || !isHex(rest[1]) {
		return f, false
	}
	f.Bucket, rest = string(rest[:2]), rest[2:]
	if rest, ok = bytes.CutPrefix(rest, []byte(kindKey)); !ok {
		return f, false
	}
	kind, rest, ok := bytes.Cut(rest, []byte(timesKey))
	if !ok || bytes.ContainsFunc(kind, isEscaped) {
		return f, false
	}
	f.Kind = string(kind)
	if rest, ok = bytes.CutSuffix(rest, []byte("]}")); !ok {
		return f, false
	}
	f.Times = make([]int64, 0, bytes.Count(rest, []byte(","))+1)
	for number := range bytes.SplitSeq(rest, []byte(",")) {
		t, ok := readInteger(number)
		if !ok {
			return f, false
		}
		f.Times = append(f.Times, t)
	}
	return f, true
}

// The text between the values of a fact.
const (
	bucketKey = `{"bucket":"`
	kindKey   = `","kind":"`
	timesKey  = `","times":[`
)

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' }

// isEscaped tells whether JSON would write the character of a name in another way, or may.
func isEscaped(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }

// readInteger reads an integer that strconv.AppendInt would write the same; up to 18 digits, which no time exceeds.
func readInteger(text []byte) (int64, bool) {
	digits, negative := bytes.CutPrefix(text, []byte("-"))
	if len(digits) == 0 || len(digits) > 18 || digits[0] == '0' && (negative || len(digits) > 1) {
		return 0, false
	}
	n := int64(0)
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}

// timesBody returns the canonical body of a fact whose times are the texts at some positions.
func timesBody(bucket byte, kind string, texts [][]byte, positions []uint64) []byte {
	size := len(bucketKey) + 2 + len(kindKey) + len(kind) + len(timesKey) + len("]}")
	for _, at := range positions {
		size += len(texts[at]) + 1
	}
	out := append(make([]byte, 0, size), bucketKey...)
	out = append(hex.AppendEncode(out, []byte{bucket}), kindKey...)
	out = append(append(out, kind...), timesKey...)
	for i, at := range positions {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, texts[at]...)
	}
	return append(out, "]}"...)
}

// appendBody returns the body of a fact with that heading.
func appendBody(heading []byte, times []int64) []byte {
	out := append(make([]byte, 0, len(heading)+len(times)*len("1700000000,")+len("]}")), heading...)
	for i, t := range times {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendInt(out, t, 10)
	}
	return append(out, "]}"...)
}

// appendTimes appends facts: their count, the moments, the kinds, then for every fact its kind, bucket and length or,
// behind a 0, its text, and last the positions of all times.
func appendTimes(out []byte, facts []snapshot.Asset) []byte {
	parsed := make([]timesFact, len(facts))
	var moments []int64
	var kinds []string
	for i := range facts {
		f, ok := readTimes(facts[i].Body)
		if !ok {
			continue
		}
		parsed[i] = f
		moments = append(moments, f.Times...)
		kinds = append(kinds, f.Kind)
	}
	moments, kinds = distinct(moments), distinct(kinds)
	out = binary.AppendUvarint(out, uint64(len(facts)))
	out = appendMoments(out, moments)
	out = binary.AppendUvarint(out, uint64(len(kinds)))
	for _, kind := range kinds {
		out = appendText(out, kind)
	}
	var positions []byte
	for i := range parsed {
		f := &parsed[i]
		if f.Times == nil {
			out = appendText(append(out, 0), facts[i].Body)
			continue
		}
		kind, _ := slices.BinarySearch(kinds, f.Kind)
		out = binary.AppendUvarint(out, uint64(kind)+1)
		out, _ = hex.AppendDecode(out, []byte(f.Bucket)) // readTimes saw to it
		out = binary.AppendUvarint(out, uint64(len(f.Times)))
		for _, t := range f.Times {
			at, _ := slices.BinarySearch(moments, t)
			positions = binary.AppendUvarint(positions, uint64(at))
		}
	}
	return append(out, positions...)
}

// times reads what appendTimes wrote.
func (r *reader) times(kind string) []snapshot.Asset {
	n := r.count()
	moments := r.moments()
	kinds := make([]string, r.count())
	for i := range kinds {
		kinds[i] = string(r.text())
	}
	facts := make([]snapshot.Asset, n)
	buckets := make([]packedTimes, n)
	total := uint64(0)
	for i := range facts {
		index := r.uvarint()
		if index == 0 {
			facts[i] = fact(kind, r.text())
			continue
		}
		bucket, length := r.byte(), r.count()
		total += length
		if index > uint64(len(kinds)) || total > uint64(len(r.in)) { // each position takes a byte or more
			r.fail(errShort)
			return nil
		}
		buckets[i] = packedTimes{bucket: bucket, kind: kinds[index-1], length: length, packed: true}
	}
	texts := make([][]byte, len(moments)) // most moments stand for many packages
	for i, m := range moments {
		texts[i] = strconv.AppendInt(nil, m, 10)
	}
	var positions []uint64
	for i := range buckets {
		b := &buckets[i]
		if !b.packed {
			continue
		}
		positions = positions[:0]
		for range b.length {
			at := r.uvarint()
			if at >= uint64(len(moments)) {
				r.fail(errShort)
				return nil
			}
			positions = append(positions, at)
		}
		body := timesBody(b.bucket, b.kind, texts, positions)
		facts[i] = snapshot.Asset{Digest: asset.Of(kind, body), Body: body}
	}
	if r.err != nil {
		return nil
	}
	return facts
}

// packedTimes is one bucket whose times are positions in the table of moments.
type packedTimes struct {
	bucket byte
	kind   string
	length uint64
	packed bool // not kept as a text
}

// appendMoments appends ascending moments as a count, the first and the gaps.
func appendMoments(out []byte, moments []int64) []byte {
	out = binary.AppendUvarint(out, uint64(len(moments)))
	last := int64(0)
	for _, m := range moments {
		out = binary.AppendVarint(out, m-last)
		last = m
	}
	return out
}

func (r *reader) moments() []int64 {
	out := make([]int64, r.count())
	last := int64(0)
	for i := range out {
		last += r.varint()
		out[i] = last
	}
	return out
}

// distinct returns the values sorted, each once.
func distinct[T int64 | string](values []T) []T {
	slices.Sort(values)
	return slices.Compact(values)
}
