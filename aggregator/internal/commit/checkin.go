// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"
	"errors"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// CheckedIn is the answer to an offered root.
type CheckedIn struct {
	Head    int64 // 0: there is none
	Current bool  // the head has the root, and the check-in is on disk
	Bases   map[string]asset.Digest
}

// CheckIn records that an agent offers p.Root; p holds no sections. When the head has another root nothing is written
// and Bases holds the digests of the head's sections. It is the slow way, which reads the head: store.TouchHead is
// for check-ins that are likely to be current.
func (c *Committer) CheckIn(ctx context.Context, p *Push) (CheckedIn, error) {
	for range maxAttempts {
		state, err := c.store.LoadHead(ctx, p.Machine, p.Source.ID)
		if err != nil || state.ID == 0 {
			return CheckedIn{}, err
		}
		if state.Root != p.Root {
			return notCurrent(&state, p)
		}
		result, err := c.attempt(ctx, p)
		var bad *InvalidError
		switch {
		case errors.Is(err, store.ErrRetry), errors.As(err, &bad): // the root moved away meanwhile
			continue
		case err != nil:
			return CheckedIn{}, err
		}
		return CheckedIn{Head: result.Head, Current: true}, nil
	}
	return CheckedIn{}, store.ErrRetry
}

// Settled returns the head of p's machine and source when a check-in would change nothing of what the aggregator adds to
// it; 0 when it would, or there is no head. store.TouchHead may then decide alone. It reads one small row, where CheckIn
// reads all sections: after a restart the whole fleet comes by here.
func (c *Committer) Settled(ctx context.Context, p *Push) (head int64, err error) {
	head, small, err := c.store.LoadSmallSections(ctx, p.Machine, p.Source.ID)
	if err != nil || head == 0 {
		return 0, err
	}
	sections, err := pack.Fold([]pack.Row{{Base: small}})
	if err != nil {
		return 0, err
	}
	stored, offered := AddedOf(sections), p.Added
	offered.Platform, offered.Type = stored.Platform, stored.Type // they follow from the sections
	after, err := offered.section()
	if err != nil {
		return 0, err
	}
	before := sections[pack.KindAdded]
	if before == nil || after == nil || before.Digest != after.Digest {
		return 0, nil
	}
	return head, nil
}

// notCurrent answers an offer that the head does not match, unless the stamp says that the offer is an old one.
func notCurrent(state *store.HeadState, p *Push) (CheckedIn, error) {
	if p.Stamp != nil {
		switch judge(&state.Head, *p.Stamp) {
		case conflict:
			return CheckedIn{}, &ConflictError{Newcomer: newcomer(&state.Head, p.Stamp.Instance)}
		case stale:
			return CheckedIn{}, &StaleError{Counter: state.Counter}
		}
	}
	sections, err := pack.Fold(state.Rows)
	if err != nil {
		return CheckedIn{}, err
	}
	return CheckedIn{Head: state.ID, Bases: basesOf(sections)}, nil
}
