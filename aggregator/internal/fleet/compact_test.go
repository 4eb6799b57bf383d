// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

var updateFrom = flag.String("update-from", "", "package index to make compact.gz from")

// compactPackages is how many packages the compact index has.
const compactPackages = 12_000

func TestCompactIsSmallAndWhole(t *testing.T) {
	if *updateFrom != "" {
		makeCompact(t, *updateFrom)
	}
	c := Compact()
	if n := len(compactIndex); n > 600<<10 {
		t.Errorf("compact index of %d bytes, want at most 600 KiB", n)
	}
	if n := len(c.packages); n < compactPackages || n > compactPackages+200 {
		t.Errorf("compact index of %d packages, want %d", n, compactPackages)
	}
	for _, s := range seeds {
		for name := range strings.FieldsSeq(s.packages) {
			if _, ok := c.byName[name]; !ok {
				t.Errorf("role %s: the compact index lacks %s", s.role, name)
			}
		}
	}
}

func TestCompactOfTheCompactIndexIsItself(t *testing.T) {
	t.Parallel()
	if *updateFrom != "" {
		t.Skip("the program carries the index that is being replaced")
	}
	var got bytes.Buffer
	writeCompact(&got, Compact())
	unpacked, err := gzip.NewReader(bytes.NewReader(compactIndex))
	if err != nil {
		t.Fatal(err)
	}
	want, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%d bytes come out of %d, and they differ", got.Len(), len(want))
	}
}

// makeCompact replaces compact.gz, and what the running test knows of it.
func makeCompact(t *testing.T, from string) {
	t.Helper()
	c, err := LoadCatalogue([]string{from})
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	writeCompact(z, c)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("compact.gz", packed.Bytes(), 0o644); err != nil { //nolint:gosec // a source file
		t.Fatal(err)
	}
	compactIndex = packed.Bytes()
}

// writeCompact writes the packages that the roles need and those that most others depend on, facts only.
func writeCompact(w io.Writer, c *Catalogue) {
	kept := newSelection(c.goods)
	kept.start(c.base())
	for _, s := range seeds {
		c.seed(kept, s.packages)
	}
	for _, p := range c.goods.ranked {
		if len(kept.list) >= compactPackages {
			break
		}
		kept.add(p, math.MaxInt)
	}
	slices.SortFunc(kept.list, func(a, b int32) int { // neighbours have much in common, which packs well
		x, y := &c.packages[a], &c.packages[b]
		sourceX, _ := x.built()
		sourceY, _ := y.built()
		return cmp.Or(cmp.Compare(sourceX, sourceY), cmp.Compare(x.name, y.name))
	})
	for _, p := range kept.list {
		writeParagraph(w, c, p)
	}
}

func writeParagraph(w io.Writer, c *Catalogue, product int32) {
	p := &c.packages[product]
	needs := make([]string, len(c.goods.needs[product]))
	for i, n := range c.goods.needs[product] {
		needs[i] = c.packages[n].name
	}
	fields := [][2]string{
		{"Package", p.name},
		{"Source", p.source},
		{"Version", p.version},
		{"Architecture", p.arch},
		{"Multi-Arch", p.multiArch},
		{"Section", p.section},
		{"Priority", p.priority},
		{"Installed-Size", fmt.Sprint(p.size)},
		{"Depends", strings.Join(needs, ", ")},
	}
	if p.essential {
		fields = append(fields, [2]string{"Essential", "yes"})
	}
	for _, f := range fields {
		if f[1] != "" {
			fmt.Fprintf(w, "%s: %s\n", f[0], f[1])
		}
	}
	fmt.Fprintln(w)
}
