// SPDX-License-Identifier: Apache-2.0

package index

import "slices"

// ranking keeps the first few of many values, in order.
type ranking[T any] struct {
	limit   int
	compare func(a, b T) int
	best    []T
}

// wants tells whether a value would be kept.
func (r *ranking[T]) wants(v T) bool {
	return len(r.best) < r.limit || r.limit > 0 && r.compare(v, r.best[r.limit-1]) < 0
}

// add keeps a value that is wanted, in the place of the last one when there are enough.
func (r *ranking[T]) add(v T) {
	kept := r.best[:min(len(r.best), r.limit-1)]
	at, _ := slices.BinarySearchFunc(kept, v, r.compare)
	r.best = slices.Insert(kept, at, v)
}
