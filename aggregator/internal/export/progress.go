// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// progress guesses how many rows an export will have from the heads that it has been through.
type progress struct {
	tell        func(done, total int64) // nil: nobody wants to know
	heads, rows int64                   // that are done
	expected    int64                   // heads
}

// newProgress counts the heads that the filter takes.
func newProgress(ctx context.Context, s *store.Store, f store.StreamFilter, tell func(done, total int64)) (*progress, error) {
	p := &progress{tell: tell}
	if tell == nil {
		return p, nil
	}
	var err error
	p.expected, err = s.CountStream(ctx, f)
	return p, err
}

// head tells that one more head is done, with so many rows.
func (p *progress) head(rows int) {
	p.heads++
	p.rows += int64(rows)
	if p.tell != nil {
		expected := max(p.expected, p.heads)
		p.tell(p.rows, max(p.rows, int64(float64(p.rows)/float64(p.heads)*float64(expected))))
	}
}

// end tells that nothing more comes.
func (p *progress) end() {
	if p.tell != nil {
		p.tell(p.rows, p.rows)
	}
}
