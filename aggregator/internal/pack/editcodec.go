// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// editKinds numbers the kinds of package, so that an edit needs a byte for its own; 0 stands before the name of any
// other. The numbers are stored: append to the list, change nothing in it.
var editKinds = []string{
	1: "deb_packages", 2: "rpm_packages", 3: "apk_packages", 4: "pacman_packages", 5: "snap_packages", 6: "flatpak_apps",
	7: "brew_packages", 8: "python_packages", 9: "npm_packages", 10: "gem_packages", 11: "go_binaries", 12: "java_components",
	13: "program_instances", 14: "windows_store_apps", 15: "receipts", 16: "browser_extensions", 17: "profiles",
}

// How many times an edit takes out and puts in; the last two bits of its position.
const (
	editInsert = iota
	editRemove
	editReplace
	editAny // both numbers follow
)

// maxTime is what a time stays below, either way: 18 digits.
const maxTime = int64(1e18)

var errTime = errors.New("install time with too many digits")

// appendEdits appends edits: their count, the moments, then each with its kind, bucket, position and the places of its
// times among the moments. Without the old times, which is for tails, they cannot be undone.
func appendEdits(out []byte, edits []TimesEdit, withOld bool) []byte {
	var moments []int64
	for i := range edits {
		if withOld {
			moments = append(moments, edits[i].old...)
		}
		moments = append(moments, edits[i].fresh...)
	}
	moments = slices.DeleteFunc(distinct(moments), func(m int64) bool { return m == snapshot.NoTime })
	out = binary.AppendUvarint(out, uint64(len(edits)))
	out = appendMinutes(out, moments)
	for i := range edits {
		e := &edits[i]
		if kind := slices.Index(editKinds, e.Kind); kind > 0 {
			out = binary.AppendUvarint(out, uint64(kind))
		} else {
			out = appendText(append(out, 0), e.Kind)
		}
		out = e.appendPlace(append(out, e.bucket))
		if withOld {
			out = appendPlaces(out, moments, e.old)
		}
		out = appendPlaces(out, moments, e.fresh)
	}
	return out
}

func (e *TimesEdit) appendPlace(out []byte) []byte {
	form := editAny
	switch {
	case e.gone == 0 && len(e.fresh) == 1:
		form = editInsert
	case e.gone == 1 && len(e.fresh) == 0:
		form = editRemove
	case e.gone == 1 && len(e.fresh) == 1:
		form = editReplace
	}
	out = binary.AppendUvarint(out, uint64(e.at)<<2|uint64(form))
	if form == editAny {
		out = binary.AppendUvarint(out, uint64(e.gone))
		out = binary.AppendUvarint(out, uint64(len(e.fresh)))
	}
	return out
}

// appendPlaces appends where the times stand among the moments, from 1 on; 0 is snapshot.NoTime.
func appendPlaces(out []byte, moments, times []int64) []byte {
	for _, t := range times {
		place := 0
		if t != snapshot.NoTime {
			place, _ = slices.BinarySearch(moments, t)
			place++
		}
		out = binary.AppendUvarint(out, uint64(place))
	}
	return out
}

// edits reads what appendEdits wrote.
func (r *reader) edits(withOld bool) []TimesEdit {
	edits := make([]TimesEdit, r.count())
	moments := r.minutes()
	for i := range edits {
		e := &edits[i]
		switch kind := r.uvarint(); {
		case kind == 0:
			e.Kind = string(r.text())
		case kind < uint64(len(editKinds)):
			e.Kind = editKinds[kind]
		default:
			r.fail(errShort)
		}
		e.bucket = r.byte()
		fresh := r.place(e)
		if withOld {
			e.old = r.places(moments, uint64(e.gone))
		}
		e.fresh = r.places(moments, fresh)
		if r.err != nil {
			return nil
		}
	}
	return edits
}

// place reads the position of an edit and how many times went, and returns how many came.
func (r *reader) place(e *TimesEdit) (fresh uint64) {
	v := r.uvarint()
	gone := uint64(1)
	switch v & editAny {
	case editInsert:
		gone, fresh = 0, 1
	case editRemove:
		fresh = 0
	case editReplace:
		fresh = 1
	default:
		gone, fresh = r.uvarint(), r.uvarint()
	}
	if v>>2 > maxMembers || gone > maxMembers {
		r.fail(errMany)
	}
	e.at, e.gone = int(v>>2), int(gone)
	return fresh
}

// places reads n times; each takes a byte or more.
func (r *reader) places(moments []int64, n uint64) []int64 {
	if n > min(maxMembers, uint64(len(r.in))) {
		r.fail(errShort)
		return nil
	}
	times := make([]int64, n)
	for i := range times {
		switch place := r.uvarint(); {
		case place == 0:
			times[i] = snapshot.NoTime
		case place <= uint64(len(moments)):
			times[i] = moments[place-1]
		default:
			r.fail(errShort)
			return nil
		}
	}
	return times
}

// Units of a list of moments; the last bit of its length.
const (
	unitMinute = 0
	unitSecond = 1
)

// appendMinutes appends ascending moments as their count, the first and the gaps: in minutes, as collectors give them,
// if all are whole ones.
func appendMinutes(out []byte, moments []int64) []byte {
	unit, seconds := uint64(unitMinute), int64(60)
	if slices.ContainsFunc(moments, func(m int64) bool { return m%60 != 0 }) {
		unit, seconds = unitSecond, 1
	}
	out = binary.AppendUvarint(out, uint64(len(moments))<<1|unit)
	for i, m := range moments {
		if i == 0 {
			out = binary.AppendVarint(out, m/seconds)
			continue
		}
		out = binary.AppendUvarint(out, uint64((m-moments[i-1])/seconds))
	}
	return out
}

// minutes reads what appendMinutes wrote.
func (r *reader) minutes() []int64 {
	n := r.uvarint()
	seconds := int64(60)
	if n&1 == unitSecond {
		seconds = 1
	}
	if n>>1 > min(maxMembers, uint64(len(r.in))) {
		r.fail(errShort)
		return nil
	}
	moments := make([]int64, n>>1)
	last, most := int64(0), (maxTime-1)/seconds
	for i := range moments {
		if i == 0 {
			last = r.varint()
		} else if gap := r.uvarint(); gap > uint64(most-last) {
			r.fail(errTime)
		} else {
			last += int64(gap)
		}
		if last < -most || last > most {
			r.fail(errTime)
			return nil
		}
		moments[i] = last * seconds
	}
	return moments
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.in)
	if n <= 0 {
		r.fail(errShort)
		return 0
	}
	r.in = r.in[n:]
	return v
}
