// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"fmt"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1connect"
)

// react deals with a refusal as the agent does; it returns the errors that a machine can do nothing about.
func (r *round) react(ctx context.Context, err error) error {
	refusal := refusalOf(err)
	reason := refusal.GetReason()
	r.retries[reason]++
	again := r.retries[reason] > 1
	switch reason {
	case syncv1.RefusalReason_REFUSAL_REASON_BASE_UNKNOWN:
		if again || len(refusal.GetBases()) == 0 {
			r.sure = false
			return nil
		}
		return r.learn(r.head, refusal.GetBases())
	case syncv1.RefusalReason_REFUSAL_REASON_STALE:
		return r.resynchronise(refusal)
	case syncv1.RefusalReason_REFUSAL_REASON_FROZEN:
		return r.enrollAgain(ctx, err, again)
	case syncv1.RefusalReason_REFUSAL_REASON_ASSETS_MISSING:
		r.anew = true
		if again {
			return err
		}
		return nil
	case syncv1.RefusalReason_REFUSAL_REASON_UNSPECIFIED:
		return r.doubt(err, again)
	default:
		return err
	}
}

// resynchronise follows a machine that was set back: its counter is behind, and what it holds as acknowledged is old.
func (r *round) resynchronise(refusal *syncv1.Refusal) error {
	if err := r.make(); err != nil {
		return err
	}
	r.runner.record.resynchronised(r.runner.contended(r.machine.index))
	if r.resumes == nil { // told twice: what the aggregator may know is the first
		instance := r.machine.memory().instance
		r.resumes = instance[:]
	}
	r.machine.remember(func(known *memory) {
		known.counter = max(known.counter, refusal.GetCounter())
		known.instance = newInstance()
	})
	r.resync, r.sure = true, true
	r.head = map[string]held{}
	return r.learn(nil, refusal.GetBases())
}

// enrollAgain leaves a credential that two machines use. The new identity starts with nothing.
func (r *round) enrollAgain(ctx context.Context, err error, again bool) error {
	if again {
		return err
	}
	r.runner.record.conflict(r.runner.contended(r.machine.index))
	if err := r.enroll(ctx, ""); err != nil {
		return err
	}
	r.machine.remember(func(known *memory) { known.instance = newInstance() })
	r.reenrolled = true
	return nil
}

// doubt deals with a refusal without a reason: whole sections after a full comparison are tried once where that may help.
func (r *round) doubt(err error, again bool) error {
	if again {
		return err
	}
	switch connect.CodeOf(err) {
	case connect.CodeFailedPrecondition, connect.CodeAborted, connect.CodeInvalidArgument:
		if err := r.make(); err != nil {
			return err
		}
		r.head, r.sure = map[string]held{}, false
		return nil
	default:
		return err
	}
}

// enroll takes an identity from the aggregator.
func (r *round) enroll(ctx context.Context, secret string) error {
	if secret == "" && r.machine.memory().credential == "" {
		return fmt.Errorf("machine %d is not enrolled", r.machine.index)
	}
	r.machine.begin()
	var answer *syncv1.EnrollResponse
	err := r.call(ctx, "Enroll", unaryLimit, func(ctx context.Context, service syncv1connect.SyncServiceClient) error {
		var err error
		answer, err = service.Enroll(ctx, r.machine.enrollRequest(r.spec, secret, r.evidence))
		return err
	})
	if err != nil {
		return fmt.Errorf("enrol: %w", err)
	}
	if err := r.machine.adopt(answer); err != nil {
		return err
	}
	r.head, r.headRoot, r.sure, r.resync = map[string]held{}, asset.Digest{}, false, false
	return nil
}
