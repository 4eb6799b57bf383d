// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
)

// countedPage is a page of a list that counts machines.
type countedPage struct {
	list  api.List
	limit int
}

// countedPage reads the query of a list that only the index can count; after is as readPage has it.
func (a *API) countedPage(w http.ResponseWriter, r *http.Request, name string, after any) (countedPage, error) {
	page := countedPage{list: a.list(name)}
	var err error
	if page.limit, err = readPage(r, page.list, after); err != nil {
		return page, err
	}
	if err := a.freshIndex(r.Context()); err != nil {
		return page, notBuilt(w, err)
	}
	return page, nil
}

// cut returns the rows of a page out of all in order, and the cursor of the next one.
func cut[T any](page countedPage, all []T, behind func(T) bool, key func(T) any) (rows []T, next *string) {
	from := slices.IndexFunc(all, behind)
	if from < 0 {
		return []T{}, nil
	}
	rows = all[from:min(from+page.limit, len(all))]
	return rows, nextCursor(page.list, len(rows), page.limit, func() any { return key(rows[len(rows)-1]) })
}

func sortBy[T any, K cmp.Ordered](rows []T, key func(T) K) {
	slices.SortFunc(rows, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
}
