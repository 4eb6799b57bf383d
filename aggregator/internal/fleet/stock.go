// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// stock is what the machines of one platform choose from: products of one kind. It is filled once; after that only the
// releases grow.
type stock struct {
	kind    string
	needs   [][]int32 // by product, what it cannot be without
	groups  []int32   // by product: products of one group are released together
	weights []uint64  // by group: how often it is released, compared with others
	ranked  []int32   // products, those that most others need first
	dated   bool      // rows carry a day of installation
	clock   bool      // rows carry a time of installation

	body     func(product int32, release int) ([]byte, error)
	mu       sync.Mutex
	releases []atomic.Pointer[[]*snapshot.Asset] // by product and release
}

func newStock(kind string, products int, body func(int32, int) ([]byte, error)) *stock {
	return &stock{
		kind: kind, body: body,
		needs:    make([][]int32, products),
		groups:   make([]int32, products),
		releases: make([]atomic.Pointer[[]*snapshot.Asset], products),
	}
}

// asset returns a product's asset after that many releases; it belongs to the stock.
func (s *stock) asset(product int32, release int) (*snapshot.Asset, error) {
	if known := s.releases[product].Load(); known != nil && release < len(*known) && (*known)[release] != nil {
		return (*known)[release], nil
	}
	body, err := s.body(product, release)
	if err != nil {
		return nil, err
	}
	made := &snapshot.Asset{Digest: asset.Of(s.kind, body), Body: body}
	s.mu.Lock()
	defer s.mu.Unlock()
	var grown []*snapshot.Asset
	if known := s.releases[product].Load(); known != nil {
		if release < len(*known) && (*known)[release] != nil {
			return (*known)[release], nil
		}
		grown = slices.Clone(*known)
	}
	for len(grown) <= release {
		grown = append(grown, nil)
	}
	grown[release] = made
	s.releases[product].Store(&grown)
	return made, nil
}

// rank orders the products by how many others need them.
func (s *stock) rank() {
	count := make([]int, len(s.needs))
	for _, needs := range s.needs {
		for _, n := range needs {
			count[n]++
		}
	}
	s.ranked = make([]int32, len(s.needs))
	for i := range s.ranked {
		s.ranked[i] = int32(i)
	}
	slices.SortFunc(s.ranked, func(a, b int32) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
}

// selection is a set of products that holds with each product what that one needs.
type selection struct {
	goods *stock
	has   []uint64 // bits by product
	list  []int32  // in the order they came
}

func newSelection(goods *stock) *selection {
	return &selection{goods: goods, has: make([]uint64, (len(goods.needs)+63)/64)}
}

// start makes the selection equal to another.
func (s *selection) start(from *selection) {
	copy(s.has, from.has)
	s.list = append(s.list[:0], from.list...)
}

func (s *selection) contains(product int32) bool { return s.has[product>>6]&(1<<(product&63)) != 0 }

// add puts in a product with all that it needs, unless the selection would then be larger than limit.
func (s *selection) add(product int32, limit int) {
	before := len(s.list)
	s.put(product)
	for next := before; next < len(s.list) && len(s.list) <= limit; next++ {
		for _, n := range s.goods.needs[s.list[next]] {
			s.put(n)
		}
	}
	if len(s.list) <= limit {
		return
	}
	for _, p := range s.list[before:] {
		s.has[p>>6] &^= 1 << (p & 63)
	}
	s.list = s.list[:before]
}

func (s *selection) put(product int32) {
	if !s.contains(product) {
		s.has[product>>6] |= 1 << (product & 63)
		s.list = append(s.list, product)
	}
}

// fill adds products by the die, rather those that others need, until there are size of them, or some less when
// nothing fits any more.
func (s *selection) fill(d die, size int) {
	const slack = 20 // a product may bring this many with it beyond size
	n := len(s.goods.ranked)
	for throw := 0; len(s.list) < size && throw < 16*size; throw++ {
		d = d.of(saltExtra)
		pick := min(d.n(n), d.of(saltFill).n(n))
		s.add(s.goods.ranked[pick], size+slack)
	}
}
