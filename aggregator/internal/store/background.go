// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
)

// backgroundConnections is how many connections background work takes at most: for each task that runs at a time two,
// and a few for the queue itself.
const backgroundConnections = 12

// OpenBackground is Open for background work: a few connections of its own, so that it takes none from a push.
func OpenBackground(ctx context.Context, dsn string) (*pgxpool.Pool, error) {
	return open(ctx, dsn, backgroundConnections, "rollcall-aggregator tasks")
}
