// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"fmt"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// minPartitions is for how many weeks to come the change log must have room.
const minPartitions = 2

// Ready returns the question for readiness: nil when the database answers, has the program's schema or a newer one, and
// has room in its change log for the weeks to come.
func Ready(s *store.Store) func(context.Context) error {
	return func(ctx context.Context) error {
		have, want, err := s.SchemaVersion(ctx) // each time: the database may have been restored
		if err != nil {
			return err
		}
		if have < want {
			return fmt.Errorf("the schema has version %d, this program needs %d: run migrate", have, want)
		}
		ahead, err := s.PartitionsAhead(ctx)
		if err != nil {
			return err
		}
		if ahead < minPartitions {
			return fmt.Errorf("the change log has room for %d weeks ahead, %d are needed", ahead, minPartitions)
		}
		return nil
	}
}
