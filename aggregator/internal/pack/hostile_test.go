// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"testing"
)

var digest32 = bytes.Repeat([]byte{7}, 32)

// huge is a count that no value has the bytes for.
var huge = binary.AppendUvarint(nil, 1<<60)

func TestDamagedValuesAreErrors(t *testing.T) {
	t.Parallel()
	zeros := squeeze(append(append([]byte{basePrivate}, binary.AppendUvarint(nil, maxMembers+1)...), make([]byte, maxMembers+1)...))
	kinds := squeeze(bytes.Repeat([]byte{1, 'k', flagShared, 0, 0}, maxKinds+2))
	tests := []struct {
		name string
		row  Row
		err  error
	}{
		{"no base", Row{Kind: "disks", Digest: digest32}, errShort},
		{"no digest", Row{Kind: "disks", Base: []byte{plain, basePrivate, 0}}, nil},
		{"unknown packing", Row{Kind: "disks", Base: []byte{9}, Digest: digest32}, nil},
		{"unknown form", Row{Kind: "disks", Base: []byte{plain, 9, 0}, Digest: digest32}, nil},
		{"not zstd", Row{Kind: "disks", Base: []byte{compressed, 1, 2, 3}, Digest: digest32}, nil},
		{"more ids than bytes", Row{Kind: "deb_packages", Base: append([]byte{plain, baseShared}, huge...), Digest: digest32}, errShort},
		{"more facts than bytes", Row{Kind: "disks", Base: append([]byte{plain, basePrivate}, huge...), Digest: digest32}, errShort},
		{"more facts than a snapshot has", Row{Kind: "disks", Base: zeros, Digest: digest32}, errMany},
		{"an id twice", Row{Kind: "deb_packages", Base: []byte{plain, baseShared, 2, 5, 0}, Digest: digest32}, errOrder},
		{"the id 0", Row{Kind: "deb_packages", Base: []byte{plain, baseShared, 1, 0}, Digest: digest32}, errOrder},
		{"an id beyond 2^63", Row{Kind: "deb_packages", Base: append([]byte{plain, baseShared, 1}, binary.AppendUvarint(nil, 1<<63)...), Digest: digest32}, errOrder},
		{"bytes behind the base", Row{Kind: "deb_packages", Base: []byte{plain, baseShared, 1, 5, 5}, Digest: digest32}, errLong},
		{"a fact cut off", Row{Kind: "disks", Base: []byte{plain, basePrivate, 1, 9, '{'}, Digest: digest32}, errShort},
		{"a tail of another operation", Row{Kind: "disks", Base: []byte{plain, basePrivate, 0}, Tail: []byte{plain, '*'}, Digest: digest32}, nil},
		{"a tail cut off", Row{Kind: "deb_packages", Base: []byte{plain, baseShared, 0}, Tail: []byte{plain, '+'}, Digest: digest32}, errShort},
		{"a removed fact cut off", Row{Kind: "disks", Base: []byte{plain, basePrivate, 0}, Tail: []byte{plain, '-', 1}, Digest: digest32}, errShort},
		{"the id 0 in a tail", Row{Kind: "deb_packages", Base: []byte{plain, baseShared, 0}, Tail: []byte{plain, '+', 0}, Digest: digest32}, errOrder},
		{"small sections cut off", Row{Base: []byte{plain, 5, 'd'}}, errShort},
		{"a small section without its digest", Row{Base: []byte{plain, 1, 'd', 1, 2, 3}}, errShort},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := Fold([]Row{test.row})
			if err == nil || (test.err != nil && !errors.Is(err, test.err)) {
				t.Errorf("got %v, %v; want an error, %v", got, err, test.err)
			}
		})
	}
	if got, err := DecodeDeltas(kinds); !errors.Is(err, errMany) {
		t.Errorf("too many kinds: got %d, %v; want %v", len(got), err, errMany)
	}
}

// It must not be parallel: it measures what the whole process allocates.
func TestCountsThatLieTakeNoMemory(t *testing.T) {
	delta := append([]byte{plain, 1, 'k', 0}, huge...)
	base := append([]byte{plain, basePrivate}, huge...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		if _, err := DecodeDeltas(delta); err == nil {
			t.Fatal("got no error")
		}
		if _, err := Fold([]Row{{Kind: "disks", Base: base, Digest: digest32}}); err == nil {
			t.Fatal("got no error")
		}
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("allocated %d bytes, want next to nothing", got)
	}
}

func TestABombIsRefused(t *testing.T) {
	t.Parallel()
	frame := compressor().EncodeAll(make([]byte, maxUnpacked+1), []byte{compressed})
	if len(frame) > 1<<20 {
		t.Fatalf("the bomb has %d bytes", len(frame))
	}
	if _, err := DecodeDeltas(frame); err == nil {
		t.Error("got no error")
	}
}

func FuzzFold(f *testing.F) {
	rows := table{}
	commit(f.Fatalf, rows, Sections{}, Sections{"disks": privateSection("disks", 30, 1, 2), "deb_packages": sharedSection("deb_packages", 1, 5)})
	large := make([]int64, 1500)
	for i := range large {
		large[i] = int64(2*i + 1)
	}
	before, _ := Fold(rows.rows())
	after := Sections{"disks": privateSection("disks", 200, 1, 2, 3, 4, 5, 6, 7, 8), "deb_packages": sharedSection("deb_packages", large...)}
	commit(f.Fatalf, rows, before, after)
	commit(f.Fatalf, rows, after, Sections{"disks": privateSection("disks", 200, 1, 2, 3, 4, 5, 6, 7, 9), "deb_packages": sharedSection("deb_packages", large[2:]...)})
	for _, row := range rows {
		f.Add(row.Kind, row.Base, row.Tail, row.Digest)
	}
	times := table{}
	commit(f.Fatalf, times, Sections{}, Sections{"install_times": privateSection("install_times", 400, 1, 2, 3, 4, 5, 6)})
	f.Add("install_times", times["install_times"].Base, []byte{}, digest32)
	f.Add("", times[""].Base, []byte{}, []byte{})
	f.Add("disks", []byte{plain, basePrivate, 0}, []byte{plain, '+', 2, '{', '}'}, digest32)
	edited := bucketsSection("a7", "[60,120]", "b0", "[-1]")
	d := Diff(edited, bucketsSection("a7", "[60,180,120]", "b0", "[7]"))
	tail, _ := extendTail(nil, &d)
	f.Add("install_times", squeeze(encodeBase(edited)), tail, digest32)
	f.Fuzz(func(t *testing.T, kind string, base, tail, digest []byte) {
		sections, err := Fold([]Row{{Kind: kind, Base: base, Tail: tail, Digest: digest}})
		if err != nil {
			return
		}
		for _, s := range sections {
			if s.Shared && !slices.IsSorted(s.IDs) {
				t.Fatalf("ids %v", s.IDs)
			}
		}
		again := table{}
		var deltas []Delta
		for _, kind := range slices.Sorted(maps.Keys(sections)) {
			deltas = append(deltas, Diff(nil, sections[kind]))
		}
		again.apply(t.Fatalf, NewPlan(nil, sections, deltas))
		if _, ok := sections[""]; !ok && ordered(sections) {
			checkFold(t.Fatalf, again, sections)
		}
	})
}

// ordered tells whether facts stand as every writer writes them.
func ordered(sections Sections) bool {
	for _, s := range sections {
		if !slices.IsSortedFunc(s.Facts, compareFacts) {
			return false
		}
	}
	return true
}

func FuzzDecodeDeltas(f *testing.F) {
	f.Add([]byte{})
	f.Add(EncodeDeltas([]Delta{Diff(nil, sharedSection("deb_packages", 1, 2, 300))}))
	f.Add(EncodeDeltas([]Delta{
		Diff(privateSection("disks", 100, 1, 2), privateSection("disks", 100, 2, 3)),
		Diff(sharedSection("deb_packages", 4), nil),
	}))
	f.Add(EncodeDeltas([]Delta{Diff(privateSection("install_times", 100, 1, 2), privateSection("install_times", 100, 2, 3))}))
	f.Add(EncodeDeltas([]Delta{Diff(bucketsSection("a7", "[60,120]", "b0", "[-1]"), bucketsSection("a7", "[60,180,120]", "b0", "[7]"))}))
	f.Add(append([]byte{plain, 1, 'k', flagShared}, huge...))
	f.Fuzz(func(t *testing.T, packed []byte) {
		deltas, err := DecodeDeltas(packed)
		if err != nil {
			return
		}
		again, err := DecodeDeltas(EncodeDeltas(deltas))
		if err != nil || len(again) != len(deltas) {
			t.Fatalf("got %d deltas, %v; want %d", len(again), err, len(deltas))
		}
		for i := range again {
			a, errA := again[i].Undo(nil)
			b, errB := deltas[i].Undo(nil)
			if !a.same(b) || (errA == nil) != (errB == nil) || !reflect.DeepEqual(again[i].Edits, deltas[i].Edits) {
				t.Fatalf("got %+v, %v, want %+v, %v", a, errA, b, errB)
			}
		}
	})
}
