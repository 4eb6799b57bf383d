// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// Facts of snapshot.KindInstallTimes are most of what a machine has of its own. As text they would take twice the room
// of its two thousand packages, so they are packed as a table of the distinct moments, which are few since packages
// come in batches, and one position in it for each package. A fact of any other form is kept as it is.

// timesFact is one bucket of install times.
type timesFact struct {
	Kind   string  `json:"kind"`
	Bucket string  `json:"bucket"`
	Times  []int64 `json:"times"`
}

// readTimes reads a fact; false when writing it again would not give the same bytes.
func readTimes(body []byte) (timesFact, bool) {
	var f timesFact
	if json.Unmarshal(body, &f) != nil || len(f.Bucket) != 2 || len(f.Times) == 0 {
		return f, false
	}
	raw, err := hex.DecodeString(f.Bucket)
	return f, err == nil && f.Bucket == hex.EncodeToString(raw) && bytes.Equal(f.body(), body)
}

// body returns the canonical body of the fact.
func (f *timesFact) body() []byte {
	out := append([]byte(`{"bucket":"`), f.Bucket...)
	out = append(append(out, `","kind":"`...), f.Kind...)
	out = append(out, `","times":[`...)
	for i, t := range f.Times {
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
		out, _ = hex.AppendDecode(out, []byte(f.Bucket)) // readTimes has decoded it
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
	buckets := make([]timesFact, n)
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
		buckets[i] = timesFact{Kind: kinds[index-1], Bucket: hex.EncodeToString([]byte{bucket}), Times: make([]int64, length)}
	}
	for i := range buckets {
		b := &buckets[i]
		if b.Bucket == "" {
			continue
		}
		for j := range b.Times {
			at := r.uvarint()
			if at >= uint64(len(moments)) {
				r.fail(errShort)
				return nil
			}
			b.Times[j] = moments[at]
		}
		facts[i] = fact(kind, b.body())
	}
	if r.err != nil {
		return nil
	}
	return facts
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
		gap, n := binary.Varint(r.in)
		if n <= 0 {
			r.fail(errShort)
			return nil
		}
		r.in = r.in[n:]
		last += gap
		out[i] = last
	}
	return out
}

// distinct returns the values sorted, each once.
func distinct[T int64 | string](values []T) []T {
	slices.Sort(values)
	return slices.Compact(values)
}
