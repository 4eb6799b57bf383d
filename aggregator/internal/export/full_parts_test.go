// SPDX-License-Identifier: Apache-2.0

package export

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/proto/asset"
)

func TestLinesGoToPartsOfBoundedSize(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	p := newPartedFiles(folder, 100)
	want := map[string]string{}
	for i := range 30 { // of 11 bytes: nine in a part
		for _, name := range []string{"b", "a"} {
			line := fmt.Sprintf("%s line %03d\n", name, i)
			want[fmt.Sprintf("%s%d", name, i/9+1)] += line
			if err := p.add(name, []byte(line)); err != nil {
				t.Fatal(err)
			}
		}
	}
	long := strings.Repeat("x", 300_000) + "\n" // more than is compressed at a time, and than a part
	want["c1"] = long
	if err := p.add("c", []byte(long)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	nameOf := func(name string, part int) string { return fmt.Sprintf("%s%d", name, part) }
	if err := p.archive(&out, time.Now(), []string{"a", "b", "c", "without_lines"}, nameOf); err != nil {
		t.Fatal(err)
	}
	p.drop()
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("%v are left: %v", left, err)
	}
	z, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range z.File {
		names = append(names, file.Name)
		r, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || string(got) != want[file.Name] {
			t.Errorf("%s: got %.40q of %d bytes, want %.40q of %d: %v", file.Name, got, len(got), want[file.Name], len(want[file.Name]), err)
		}
	}
	if got := strings.Join(names, " "); got != "a1 a2 a3 a4 b1 b2 b3 b4 c1" {
		t.Errorf("got the files %s", got)
	}
}

func TestNumbersAreGivenOnceWhileTheyAreRemembered(t *testing.T) {
	t.Parallel()
	n := newNumbers(10)
	digest := func(i int) asset.Digest { return asset.Of("disks", fmt.Appendf(nil, "%d", i)) }
	given := map[int64]bool{}
	for i := range 100 {
		number, fresh := n.of("disk", digest(i))
		if !fresh || given[number] || number < 1 {
			t.Fatalf("object %d: got number %d, fresh: %t", i, number, fresh)
		}
		given[number] = true
		for _, back := range []int{0, min(i, 5)} {
			if again, fresh := n.of("disk", digest(i-back)); fresh || back == 0 && again != number {
				t.Fatalf("object %d: got number %d the next time, fresh: %t", i-back, again, fresh)
			}
		}
	}
	if len(n.young)+len(n.old) > 20 {
		t.Errorf("it remembers %d", len(n.young)+len(n.old))
	}
	if number, fresh := n.of("disk", digest(0)); !fresh || given[number] {
		t.Errorf("a forgotten object got number %d, fresh: %t", number, fresh)
	}
	if number, _ := n.of("certificate", digest(1000)); number != 1 {
		t.Errorf("another model begins with %d", number)
	}
}

func TestSetOfIDs(t *testing.T) {
	t.Parallel()
	var s idSet
	for _, id := range []int64{1, 63, 64, 65, pageIDs - 1, pageIDs, pageIDs + 1, 1 << 40} {
		if !s.add(id) {
			t.Errorf("%d is there before it was added", id)
		}
		if s.add(id) {
			t.Errorf("%d is not there after it was added", id)
		}
	}
}

func TestEveryChangeHasANumberOfItsOwn(t *testing.T) {
	t.Parallel()
	given := map[int64]string{}
	for head := int64(1); head <= 150; head++ {
		for seq := int64(1); seq <= 150; seq++ {
			number, err := pairOf(head, seq)
			if err != nil || number < 1 {
				t.Fatal(head, seq, number, err)
			}
			if other, twice := given[number]; twice {
				t.Fatalf("%d is the number of %s and of %d/%d", number, other, head, seq)
			}
			given[number] = fmt.Sprint(head, "/", seq)
		}
	}
	if number, err := pairOf(maxPaired, maxPaired); err != nil || number < 1 {
		t.Errorf("got %d, %v", number, err)
	}
	for _, pair := range [][2]int64{{0, 1}, {1, 0}, {-1, 1}, {maxPaired + 1, 1}, {1, maxPaired + 1}} {
		if number, err := pairOf(pair[0], pair[1]); err == nil {
			t.Errorf("%v has the number %d", pair, number)
		}
	}
	if got, err := pairOf(7, 3); got != 59 || err != nil { // pinned: it must never change
		t.Errorf("got %d, %v", got, err)
	}
}

func TestValuesAreReduced(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		body   string
		fields []string
		want   string
	}{
		{`{"b":1,"a":"<&>"}`, []string{"a", "b", "c"}, `{"a":"<&>","b":1}`},
		{`{"a":{"b":[null,{}]},"c":false,"d":"","e":0}`, nil, `{"c":false,"d":"","e":0}`},
		{`{"a":1}`, []string{"b"}, ``},
		{`{"a":null}`, nil, ``},
		{`9007199254740993`, nil, `9007199254740993`},
		{`"text"`, nil, `"text"`},
	} {
		got, err := reduce([]byte(test.body), test.fields)
		if err != nil || string(got) != test.want {
			t.Errorf("%s: got %s, want %s: %v", test.body, got, test.want, err)
		}
	}
	for _, body := range []string{``, `{`, `[1]`} {
		if got, err := reduce([]byte(body), []string{"a"}); err == nil {
			t.Errorf("%s: got %s", body, got)
		}
	}
}
