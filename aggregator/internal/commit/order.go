// SPDX-License-Identifier: Apache-2.0

package commit

import "context"

// CheckOrder tells whether a request that writes no snapshot follows the last accepted one of its machine: its error is
// a ConflictError or a StaleError otherwise.
func (c *Committer) CheckOrder(ctx context.Context, machine int64, source int32, stamp Stamp) error {
	state, err := c.store.LoadHead(ctx, machine, source)
	if err != nil {
		return err
	}
	switch judge(&state.Head, stamp) {
	case conflict:
		return &ConflictError{Newcomer: newcomer(&state.Head, stamp.Instance)}
	case stale:
		return &StaleError{Counter: state.Counter}
	}
	return nil
}
