// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"net/http"
	"sync"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// maxDryRuns is how many dry runs one aggregator does at a time: each takes all cores that it can get.
const maxDryRuns = 4

// turns are who has a dry run under way. The zero value is ready for use.
type turns struct {
	mu    sync.Mutex
	under map[turn]bool
}

// turn is a principal.
type turn struct {
	kind auth.Kind
	id   int64
	name string
}

// begin takes the turn of the principal of a request, which done ends. 429 says that there is one under way already.
func (t *turns) begin(w http.ResponseWriter, r *http.Request) (done func(), err error) {
	p, _ := auth.PrincipalOf(r.Context())
	own := turn{p.Kind, p.ID, p.Name}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.under[own]:
		w.Header().Set("Retry-After", "5")
		return nil, api.Refuse(http.StatusTooManyRequests, "You have a dry run under way; wait for its end.")
	case len(t.under) >= maxDryRuns:
		w.Header().Set("Retry-After", "5")
		return nil, api.Refuse(http.StatusTooManyRequests, "Too many dry runs are under way: come back later.")
	}
	if t.under == nil {
		t.under = map[turn]bool{}
	}
	t.under[own] = true
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.under, own)
	}, nil
}
