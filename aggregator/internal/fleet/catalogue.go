// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
)

// Catalogue holds the packages of a distribution, with the body and digest of every release that some machine needed
// so far. Fleets share it; it is safe for concurrent use.
type Catalogue struct {
	packages []debPackage // ascending by name
	byName   map[string]int32
	goods    *stock
	broken   error // why there are no packages
}

//go:embed compact.gz
var compactIndex []byte

var compact = sync.OnceValue(func() *Catalogue {
	unpacked, err := gzip.NewReader(bytes.NewReader(compactIndex))
	if err != nil {
		return &Catalogue{broken: fmt.Errorf("compact index: %w", err)}
	}
	c, err := ReadPackages(unpacked, "compact index")
	if err != nil {
		return &Catalogue{broken: err}
	}
	return c
})

// Compact returns the catalogue that the program carries: 12,000 packages of Debian 12. It is made at the first call;
// were the program built with a broken one, New would say so.
func Compact() *Catalogue { return compact() }

// ReadPackages reads one Debian package index (`Packages`), unpacked; name is what errors call it. Where a package
// stands twice, the later paragraph counts.
func ReadPackages(r io.Reader, name string) (*Catalogue, error) {
	packages, err := readIndex(r, name)
	if err != nil {
		return nil, err
	}
	return catalogueOf(packages), nil
}

// LoadCatalogue reads package indexes, plain or compressed with gzip; a package of a later file replaces one with the
// same name. Other compressions are refused by name.
func LoadCatalogue(paths []string) (*Catalogue, error) {
	var all []debPackage
	for _, path := range paths {
		packages, err := loadIndex(path)
		if err != nil {
			return nil, err
		}
		all = append(all, packages...)
	}
	return catalogueOf(all), nil
}

// loadIndex reads one file.
func loadIndex(path string) ([]debPackage, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	buffered := bufio.NewReaderSize(f, 64<<10)
	r, err := unpack(buffered)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return readIndex(r, path)
}

// unpack looks at how a file begins.
func unpack(r *bufio.Reader) (io.Reader, error) {
	head, _ := r.Peek(6) // a shorter file is no archive
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return gzip.NewReader(r)
	case bytes.HasPrefix(head, []byte("\xfd7zXZ")), bytes.HasPrefix(head, []byte("\x04\x22\x4d\x18")),
		bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")), bytes.HasPrefix(head, []byte("BZh")):
		return nil, errors.New("compressed with xz, lz4, zstd or bzip2: unpack it first")
	}
	return r, nil
}

// catalogueOf sorts the packages and finds out what each needs.
func catalogueOf(packages []debPackage) *Catalogue {
	slices.SortStableFunc(packages, func(a, b debPackage) int { return cmp.Compare(a.name, b.name) })
	c := &Catalogue{byName: make(map[string]int32, len(packages))}
	for i, p := range packages {
		if i+1 < len(packages) && packages[i+1].name == p.name {
			continue // the later one counts
		}
		c.byName[p.name] = int32(len(c.packages))
		c.packages = append(c.packages, p)
	}
	for i := range c.packages {
		c.packages[i].complete()
	}
	c.goods = c.stock()
	return c
}

// stock returns the packages as a stock, released together with their source package.
func (c *Catalogue) stock() *stock {
	goods := newStock("deb_packages", len(c.packages), func(product int32, release int) ([]byte, error) {
		return c.packages[product].body(release)
	})
	goods.clock = true
	provided := c.provided()
	groups := map[string]int32{}
	for i := range c.packages {
		p := &c.packages[i]
		goods.needs[i] = c.needs(p, provided)
		source, _ := p.built()
		g, ok := groups[source]
		if !ok {
			g = int32(len(groups))
			groups[source] = g
			goods.weights = append(goods.weights, weightOf(source, p.section))
		}
		goods.groups[i] = g
	}
	goods.rank()
	return goods
}

// provided maps virtual packages to the first package by name that provides them.
func (c *Catalogue) provided() map[string]int32 {
	provided := map[string]int32{}
	for i := range c.packages {
		for name := range strings.SplitSeq(c.packages[i].provides, ",") {
			name, _, _ = strings.Cut(strings.TrimSpace(name), " ")
			if _, twice := provided[name]; !twice && name != "" {
				provided[name] = int32(i)
			}
		}
	}
	return provided
}

// needs returns what a package depends on: of alternatives the first that exists.
func (c *Catalogue) needs(p *debPackage, provided map[string]int32) []int32 {
	var needs []int32
	for _, field := range [...]string{p.preDepends, p.depends} {
		for alternatives := range strings.SplitSeq(field, ",") {
			if n, ok := c.first(alternatives, provided); ok && !slices.Contains(needs, n) {
				needs = append(needs, n)
			}
		}
	}
	return needs
}

// first returns the first of the alternatives that exists.
func (c *Catalogue) first(alternatives string, provided map[string]int32) (int32, bool) {
	for name := range strings.SplitSeq(alternatives, "|") {
		name, _, _ = strings.Cut(strings.TrimSpace(name), " ")
		name, _, _ = strings.Cut(name, ":")
		if n, ok := c.byName[name]; ok {
			return n, true
		}
		if n, ok := provided[name]; ok {
			return n, true
		}
	}
	return 0, false
}
