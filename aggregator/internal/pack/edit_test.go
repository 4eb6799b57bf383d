// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// bucketsSection returns install times of deb_packages from pairs of a bucket and its list.
func bucketsSection(pairs ...string) *Section {
	s := &Section{Kind: snapshot.KindInstallTimes}
	for i := 0; i < len(pairs); i += 2 {
		s.Facts = append(s.Facts, fact(s.Kind, fmt.Appendf(nil, `{"bucket":%q,"kind":"deb_packages","times":%s}`, pairs[i], pairs[i+1])))
	}
	slices.SortFunc(s.Facts, compareFacts)
	return sealed(s)
}

func TestWhatATimesDeltaHolds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name           string
		before, after  *Section
		edits          int
		added, removed int
	}{
		{"a time came", bucketsSection("a7", "[60,120]"), bucketsSection("a7", "[60,60,120]"), 1, 0, 0},
		{"a time went", bucketsSection("a7", "[60,120]"), bucketsSection("a7", "[120]"), 1, 0, 0},
		{"all times changed", bucketsSection("a7", "[60,120]"), bucketsSection("a7", "[1,2,3]"), 1, 0, 0},
		{"a time became known", bucketsSection("a7", "[-1,-1]"), bucketsSection("a7", "[-1,7]"), 1, 0, 0},
		{"a bucket came and one went", bucketsSection("a7", "[60]"), bucketsSection("a8", "[60]"), 0, 1, 1},
		{"of odd form before", bucketsSection("a7", "[060]"), bucketsSection("a7", "[60]"), 0, 1, 1},
		{"of odd form after", bucketsSection("a7", "[60]"), bucketsSection("a7", "[]"), 0, 1, 1},
		{"a bucket twice", bucketsSection("a7", "[60]", "a7", "[61]"), bucketsSection("a7", "[60]", "a7", "[62]"), 0, 1, 1},
		{"twice before", bucketsSection("a7", "[60]", "a7", "[61]"), bucketsSection("a7", "[62]"), 0, 1, 2},
		{"twice after", bucketsSection("a7", "[60]"), bucketsSection("a7", "[61]", "a7", "[62]"), 0, 2, 1},
		{"an edit and a new bucket", bucketsSection("a7", "[60]"), bucketsSection("a7", "[61]", "a8", "[62]"), 1, 1, 0},
		{"everything came", nil, bucketsSection("a7", "[60]"), 0, 1, 0},
		{"everything went", bucketsSection("a7", "[60]"), nil, 0, 0, 1},
	}
	for _, test := range tests {
		d := Diff(test.before, test.after)
		if d.Empty() || len(d.Edits) != test.edits || len(d.Added) != test.added || len(d.Removed) != test.removed {
			t.Errorf("%s: got %d edits, %d added, %d removed; want %d, %d, %d", test.name,
				len(d.Edits), len(d.Added), len(d.Removed), test.edits, test.added, test.removed)
		}
		decoded, err := DecodeDeltas(EncodeDeltas([]Delta{d}))
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if got, err := decoded[0].Undo(test.after); err != nil || !got.same(test.before) {
			t.Errorf("%s: undone to %s, %v; want %s", test.name, got.brief(), err, test.before.brief())
		}
	}
}

func TestAnEditThatDoesNotFitIsAnError(t *testing.T) {
	t.Parallel()
	before, after := bucketsSection("a7", "[60,120,180]"), bucketsSection("a7", "[60,240,180]")
	tests := []struct {
		name    string
		section *Section
		damage  func(*TimesEdit)
	}{
		{"no section", nil, nil},
		{"another bucket", bucketsSection("a8", "[60,240,180]"), nil},
		{"another time", bucketsSection("a7", "[60,300,180]"), nil},
		{"too short", bucketsSection("a7", "[60]"), nil},
		{"the bucket twice", bucketsSection("a7", "[60,240,180]", "a7", "[60,240]"), nil},
		{"of odd form", bucketsSection("a7", "[60,240,180 ]"), nil},
		{"undone already", before, nil},
		{"another kind", after, func(e *TimesEdit) { e.Kind = "rpm_packages" }},
		{"a kind with a quote", after, func(e *TimesEdit) { e.Kind = `deb"packages` }},
		{"a position behind the end", after, func(e *TimesEdit) { e.at = maxMembers }},
		{"nothing left", bucketsSection("a7", "[240]"), func(e *TimesEdit) { e.at, e.gone, e.old = 0, 0, nil }},
	}
	for _, test := range tests {
		d := Diff(before, after)
		if test.damage != nil {
			test.damage(&d.Edits[0])
		}
		decoded, err := DecodeDeltas(EncodeDeltas([]Delta{d}))
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if got, err := decoded[0].Undo(test.section); !errors.Is(err, errEdit) {
			t.Errorf("%s: got %s, %v; want %v", test.name, got.brief(), err, errEdit)
		}
		tail, ok := extendTail(nil, &d)
		if !ok {
			t.Fatalf("%s: no tail", test.name)
		}
		// Only the form is known there: the tail holds no old times.
		_, _ = Fold([]Row{{Kind: d.Kind, Base: squeeze(encodeBase(before)), Tail: tail, Digest: digest32}})
	}
}

func TestDamagedEditsAreErrors(t *testing.T) {
	t.Parallel()
	const minute = 1 << 1 // one moment, in minutes
	far := binary.AppendVarint([]byte{1 << 1}, maxTime/60)
	tests := []struct {
		name  string
		edits []byte
	}{
		{"nothing", nil},
		{"more edits than bytes", huge},
		{"more moments than bytes", append([]byte{1}, huge...)},
		{"a moment too far", append([]byte{1}, far...)},
		{"a gap too long", append([]byte{1, 2<<1 | unitSecond, 2}, binary.AppendUvarint(nil, 1<<63)...)},
		{"an unknown kind", []byte{1, minute, 2, 200, 1, 0xa7, editRemove, 1}},
		{"a kind without its name", []byte{1, 0, 0, 9, 'd'}},
		{"no position", []byte{1, minute, 2, 1, 0xa7}},
		{"a position beyond any list", append([]byte{1, minute, 2, 1, 0xa7}, huge...)},
		{"more times than bytes", append([]byte{1, minute, 2, 1, 0xa7, editAny}, huge...)},
		{"a moment that is not there", []byte{1, minute, 2, 1, 0xa7, editInsert, 2}},
	}
	for _, test := range tests {
		for _, withOld := range []bool{true, false} {
			r := reader{in: test.edits}
			if got := r.edits(withOld); r.end() == nil {
				t.Errorf("%s: got %+v and no error", test.name, got)
			}
		}
	}
	edits := []byte{1, minute, 2, 1, 0xa7, editInsert, 1}
	for _, flags := range []byte{flagEdits, flagEdits | flagAfter, flagEdits | flagBefore, flagEdits | flagBefore | flagAfter | flagShared} {
		if _, err := DecodeDeltas(append(appendText([]byte{plain}, "install_times"), append([]byte{flags}, edits...)...)); !errors.Is(err, errFlags) {
			t.Errorf("flags %b: got %v, want %v", flags, err, errFlags)
		}
	}
	if _, err := DecodeDeltas(append(appendText([]byte{plain}, "disks"), append([]byte{flagEdits | flagBefore | flagAfter}, edits...)...)); !errors.Is(err, errFlags) {
		t.Errorf("edits of disks: got %v, want %v", err, errFlags)
	}
	if _, err := Fold([]Row{{Kind: "disks", Base: []byte{plain, basePrivate, 0}, Tail: append([]byte{plain, tailEdit}, edits...), Digest: digest32}}); err == nil {
		t.Error("edits in the tail of disks: no error")
	}
}

// A tail may remove what its edits made, and edit what it added.
func TestATailGoesOnBehindItsEdits(t *testing.T) {
	t.Parallel()
	steps := []*Section{
		bucketsSection("a7", "[60,120]", "a8", "[1]"),
		bucketsSection("a7", "[60,120,180]", "a8", "[1]"),
		bucketsSection("a7", "[60,180]", "a8", "[1]", "a9", "[2]"),
		bucketsSection("a8", "[1,1]", "a9", "[2,3]"),
		bucketsSection("a7", "[60]", "a9", "[3]"),
		bucketsSection("a7", "[60]", "a7", "[61]"),
		bucketsSection("a7", "[62]"),
		bucketsSection("a7", "[60,120]", "a8", "[1]"),
	}
	row := Row{Kind: snapshot.KindInstallTimes, Base: squeeze(encodeBase(steps[0])), Digest: digest32}
	for i, after := range steps[1:] {
		d := Diff(steps[i], after)
		tail, ok := extendTail(row.Tail, &d)
		if !ok {
			t.Fatalf("step %d: the tail is full", i)
		}
		row.Tail = tail
		if got, err := Fold([]Row{row}); err != nil || !got[row.Kind].same(after) {
			t.Errorf("step %d: got %s, %v; want %s", i, got[row.Kind].brief(), err, after.brief())
		}
	}
}

// What was stored stays readable: the form before there were edits, and the form with them.
func TestStoredInstallTimesArePinned(t *testing.T) {
	t.Parallel()
	before := bucketsSection("a7", "[1700000040,1700000100]", "b0", "[-1,1700000040,1700000040]", "c1", "[5]")
	after := bucketsSection("a7", "[1700000040,1767225600,1700000100]", "b0", "[-1,1700000040]", "c2", "[5]")
	whole := Delta{Kind: before.Kind, Before: true, After: true}
	whole.Added, whole.Removed = difference(before.Facts, after.Facts, compareFacts)
	base, now := squeeze(encodeBase(before)), Diff(before, after)
	tailOf := func(d *Delta) []byte {
		tail, _ := extendTail(nil, d)
		return unsqueezed(t, tail)
	}
	tests := []struct {
		name, want  string
		delta, tail []byte
	}{
		{"delta without edits", pinnedWholeDelta, unsqueezed(t, EncodeDeltas([]Delta{whole})), nil},
		{"delta", pinnedDelta, unsqueezed(t, EncodeDeltas([]Delta{now})), nil},
		{"tail without edits", pinnedWholeTail, nil, tailOf(&whole)},
		{"tail", pinnedTail, nil, tailOf(&now)},
	}
	for _, test := range tests {
		if got := hex.EncodeToString(slices.Concat(test.delta, test.tail)); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
		stored, _ := hex.DecodeString(test.want)
		stored = append([]byte{plain}, stored...)
		if test.tail != nil {
			got, err := Fold([]Row{{Kind: before.Kind, Base: base, Tail: stored, Digest: digest32}})
			if err != nil || !got[before.Kind].same(after) {
				t.Errorf("%s: got %s, %v", test.name, got[before.Kind].brief(), err)
			}
			continue
		}
		deltas, err := DecodeDeltas(stored)
		if err != nil || len(deltas) != 1 {
			t.Errorf("%s: got %d deltas, %v", test.name, len(deltas), err)
			continue
		}
		if got, err := deltas[0].Undo(after); err != nil || !got.same(before) {
			t.Errorf("%s: got %s, %v", test.name, got.brief(), err)
		}
	}
}

// unsqueezed leaves the compression out, whose bytes are its library's.
func unsqueezed(t *testing.T, packed []byte) []byte {
	t.Helper()
	raw, err := unsqueeze(packed)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

const (
	pinnedWholeDelta = "0d696e7374616c6c5f74696d6573060305010cc6c49fd50c78b89e8e40010c6465625f7061636b6167657301b00201c20101a7030002010204030304" +
		"010cc6c49fd50c78010c6465625f7061636b6167657301c10101b00301a702010002020203"
	pinnedDelta = "0d696e7374616c6c5f74696d65731e01010a010c6465625f7061636b6167657301c2010001010a010c6465625f7061636b6167657301c101000204ac" +
		"d4821baab14401b0090101a70402"
	pinnedWholeTail = "2d4e32185a57a9d11c27d785cc0369a0c62d518d85cff4be0267401d07f56777bd432dc078047013e34cafc44a467d832cc9a32b0305010cc6c49fd5" +
		"0c78b89e8e40010c6465625f7061636b6167657301b00201c20101a703000201020403"
	pinnedTail = "2d4e32185a57a9d11c27d785cc0369a0c62b01010a010c6465625f7061636b6167657301c201007e020280b78b1c01b00901a70401"
)

func TestEveryKindWithInstallTimesHasANumber(t *testing.T) {
	t.Parallel()
	for _, kind := range snapshot.Kinds() {
		if kind.Fact != nil && asset.MembershipField(kind.Fact) != nil && slices.Index(editKinds, kind.Name) < 1 {
			t.Errorf("%s has none: append it to editKinds", kind.Name)
		}
	}
}
