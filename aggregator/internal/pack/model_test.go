// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"pgregory.net/rapid"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// sharing of the kinds that tests use.
var sharing = map[string]bool{
	"deb_packages": true, "python_packages": true, "os_version": true,
	"disks": false, "users": false, "extra_facts": false, KindAdded: false, snapshot.KindInstallTimes: false,
}

// table stands for the head_section rows of one head.
type table map[string]Row

// apply does what the store does with a plan. It fails where SQL would silently do nothing.
func (t table) apply(fatalf func(string, ...any), p Plan) {
	for _, row := range p.Upsert {
		t[row.Kind] = row
	}
	for _, row := range p.Tail {
		old, ok := t[row.Kind]
		if !ok {
			fatalf("tail for %q, which has no row", row.Kind)
		}
		old.Tail, old.Digest = row.Tail, row.Digest
		t[row.Kind] = old
	}
	for _, kind := range p.Delete {
		if _, ok := t[kind]; !ok {
			fatalf("delete of %q, which has no row", kind)
		}
		delete(t, kind)
	}
}

func (t table) rows() []Row { return slices.Collect(maps.Values(t)) }

// sharedSection returns a section of these ids, in any order and with repetitions.
func sharedSection(kind string, ids ...int64) *Section {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	return sealed(&Section{Kind: kind, Shared: true, IDs: ids})
}

// privateSection returns a section of facts that are told apart by a number each, padded to a size.
func privateSection(kind string, size int, numbers ...int64) *Section {
	s := &Section{Kind: kind}
	for _, n := range numbers {
		body := fmt.Appendf(nil, `{"n":%d,"pad":%q}`, n, padding(n, size))
		if kind == snapshot.KindInstallTimes && n%5 > 0 {
			body = timesOf(n, size/4)
		}
		s.Facts = append(s.Facts, snapshot.Asset{Digest: asset.Of(kind, body), Body: body})
	}
	slices.SortFunc(s.Facts, compareFacts)
	s.Facts = slices.CompactFunc(s.Facts, func(a, b snapshot.Asset) bool { return a.Digest == b.Digest })
	return sealed(s)
}

// timesOf returns a bucket of install times.
func timesOf(n int64, size int) []byte {
	f := timesFact{Kind: "deb_packages", Bucket: fmt.Sprintf("%02x", byte(n)), Times: []int64{n}}
	for i := range size {
		f.Times = append(f.Times, n%7+int64(i%3))
	}
	return f.body()
}

// padding returns text that does not compress well.
func padding(n int64, size int) string {
	var out []byte
	for i := 0; len(out) < size; i++ {
		out = append(out, asset.Of("padding", fmt.Append(nil, n, i)).String()...)
	}
	return string(out[:size])
}

// sealed gives a section a digest that belongs to its content.
func sealed(s *Section) *Section {
	s.Digest = asset.Of("section of "+s.Kind, encodeBase(s))
	return s
}

func (s *Section) same(other *Section) bool {
	if s == nil || other == nil {
		return s == other
	}
	return s.Kind == other.Kind && s.Shared == other.Shared && slices.Equal(s.IDs, other.IDs) &&
		slices.EqualFunc(s.Facts, other.Facts, func(a, b snapshot.Asset) bool {
			return a.Digest == b.Digest && bytes.Equal(a.Body, b.Body)
		})
}

// brief is for failures.
func (s *Section) brief() string {
	if s == nil {
		return "none"
	}
	return fmt.Sprintf("%s of %d ids and %d facts, digest %.8s", s.Kind, len(s.IDs), len(s.Facts), s.Digest)
}

// commit moves a table from one set of sections to another, and checks everything on the way. It returns the plan.
func commit(fatalf func(string, ...any), t table, before, after Sections) Plan {
	var deltas []Delta
	for _, kind := range slices.Sorted(maps.Keys(sharing)) {
		if d := Diff(before[kind], after[kind]); !d.Empty() {
			deltas = append(deltas, d)
		}
	}
	plan := NewPlan(t.rows(), after, deltas)
	t.apply(fatalf, plan)
	checkFold(fatalf, t, after)
	decoded, err := DecodeDeltas(EncodeDeltas(deltas))
	if err != nil || len(decoded) != len(deltas) {
		fatalf("deltas: got %d, %v; want %d", len(decoded), err, len(deltas))
	}
	for i := range decoded {
		d := &decoded[i]
		for _, d := range []*Delta{d, &deltas[i]} {
			got, err := d.Undo(after[d.Kind])
			if want := before[d.Kind]; err != nil || !got.same(want) {
				fatalf("undo of %s: got %s, %v; want %s", d.Kind, got.brief(), err, want.brief())
			}
		}
		if d.After != (after[d.Kind] != nil) {
			fatalf("%s after the change: got %v", d.Kind, d.After)
		}
	}
	return plan
}

func checkFold(fatalf func(string, ...any), t table, want Sections) {
	got, err := Fold(t.rows())
	if err != nil {
		fatalf("fold: %v", err)
	}
	if a, b := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(a, b) {
		fatalf("kinds: got %v, want %v", a, b)
	}
	for kind, s := range want {
		if !got[kind].same(s) || got[kind].Digest != s.Digest {
			fatalf("%s: got %s, want %s", kind, got[kind].brief(), s.brief())
		}
	}
	for kind, row := range t {
		if len(row.Tail) > maxTailBytes {
			fatalf("%s: tail of %d bytes", kind, len(row.Tail))
		}
	}
}

// change returns sections with some of them changed at random.
func change(t *rapid.T, before Sections) Sections {
	after := maps.Clone(before)
	kinds := slices.Sorted(maps.Keys(sharing))
	for _, kind := range rapid.SliceOfNDistinct(rapid.SampledFrom(kinds), 1, 4, rapid.ID[string]).Draw(t, "kinds") {
		old := after[kind]
		switch rapid.SampledFrom([]string{"drop", "empty", "small", "large", "edit", "edit", "edit"}).Draw(t, kind) {
		case "drop":
			delete(after, kind)
		case "empty":
			after[kind] = drawn(t, kind, 0, 0)
		case "small":
			after[kind] = drawn(t, kind, 1, 10)
		case "large":
			after[kind] = drawn(t, kind, 500, 1500)
		default:
			after[kind] = edited(t, kind, old)
		}
	}
	return after
}

// drawn returns a fresh section of some members.
func drawn(t *rapid.T, kind string, least, most int) *Section {
	if !sharing[kind] {
		least, most = least/20, most/20 // bodies are larger than ids
	}
	members := rapid.SliceOfN(rapid.Int64Range(1, 1<<34), least, most).Draw(t, "members")
	if sharing[kind] {
		return sharedSection(kind, members...)
	}
	return privateSection(kind, rapid.IntRange(0, 300).Draw(t, "size"), members...)
}

// edited adds and removes a few members.
func edited(t *rapid.T, kind string, old *Section) *Section {
	if old == nil {
		return drawn(t, kind, 0, 40)
	}
	plus := drawn(t, kind, 0, 20)
	minus := rapid.IntRange(0, 12).Draw(t, "removed")
	s := &Section{Kind: kind, Shared: old.Shared}
	s.IDs = slices.Compact(slices.Sorted(slices.Values(slices.Concat(without(t, old.IDs, minus), plus.IDs))))
	s.Facts = slices.Concat(without(t, old.Facts, minus), plus.Facts)
	if kind == snapshot.KindInstallTimes {
		s.Facts = editedTimes(t, s.Facts)
	}
	slices.SortFunc(s.Facts, compareFacts)
	s.Facts = slices.CompactFunc(s.Facts, func(a, b snapshot.Asset) bool { return a.Digest == b.Digest })
	return sealed(s)
}

// editedTimes inserts, replaces and takes out times of some buckets.
func editedTimes(t *rapid.T, facts []snapshot.Asset) []snapshot.Asset {
	times := rapid.SliceOfN(rapid.OneOf(rapid.Just(snapshot.NoTime), rapid.Int64Range(1, 9), rapid.Just(int64(1_700_000_040)), rapid.Int64Range(-1e18+1, 1e18-1)), 0, 4)
	for i := range facts {
		f, ok := readTimes(facts[i].Body)
		if !ok || rapid.Bool().Draw(t, "untouched") {
			continue
		}
		at := rapid.IntRange(0, len(f.Times)).Draw(t, "at")
		end := rapid.IntRange(at, min(len(f.Times), at+3)).Draw(t, "end")
		if f.Times = slices.Concat(f.Times[:at], times.Draw(t, "times"), f.Times[end:]); len(f.Times) > 0 {
			facts[i] = fact(snapshot.KindInstallTimes, f.body())
		}
	}
	return facts
}

// without leaves n members out.
func without[T any](t *rapid.T, list []T, n int) []T {
	list = slices.Clone(list)
	for range min(n, len(list)) {
		i := rapid.IntRange(0, len(list)-1).Draw(t, "position")
		list = slices.Delete(list, i, i+1)
	}
	return list
}
