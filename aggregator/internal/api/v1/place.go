// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"context"
	"net/http"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
)

const (
	// submissions is how many trees are in memory at once: the largest weighs some 60 MB while it is being read.
	submissions = 2
	// placeLimit is how long a tree waits for its turn.
	placeLimit = 10 * time.Second
	// bodyLimit is how long a client may take to send a tree once it is its turn.
	bodyLimit = time.Minute
)

// places are turns that requests take.
type places chan struct{}

// take waits for a turn, which give ends. 503 says that too many wait.
func (p places) take(ctx context.Context, w http.ResponseWriter) (give func(), err error) {
	timer := time.NewTimer(placeLimit)
	defer timer.Stop()
	select {
	case p <- struct{}{}:
		return func() { <-p }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		w.Header().Set("Retry-After", "10")
		return nil, api.Refuse(http.StatusServiceUnavailable, "Too many trees are being submitted at once: come back later.")
	}
}
