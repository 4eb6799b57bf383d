// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/agent/internal/spool"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// react deals with a refusal; it returns the errors that it can do nothing about.
func (r *round) react(ctx context.Context, err error) error {
	refusal := RefusalOf(err)
	r.retries[refusal.GetReason()]++
	again := r.retries[refusal.GetReason()] > 1
	switch refusal.GetReason() {
	case syncv1.RefusalReason_REFUSAL_REASON_BASE_UNKNOWN:
		return r.rebase(refusal, again)
	case syncv1.RefusalReason_REFUSAL_REASON_STALE:
		return r.resynchronise(refusal)
	case syncv1.RefusalReason_REFUSAL_REASON_FROZEN:
		return r.enrollAgain(ctx, err, again)
	case syncv1.RefusalReason_REFUSAL_REASON_ASSETS_MISSING:
		r.offerAnew = true
		if again {
			return err
		}
		return nil
	case syncv1.RefusalReason_REFUSAL_REASON_KIND_UNKNOWN:
		return r.leaveOut(refusal, err)
	case syncv1.RefusalReason_REFUSAL_REASON_UNSPECIFIED:
		return r.doubt(err, again)
	default:
		return err
	}
}

// rebase takes the head's digests from a refusal; when that was not enough before, it asks for all of them.
func (r *round) rebase(refusal *syncv1.Refusal, again bool) error {
	if again || len(refusal.GetBases()) == 0 {
		r.sure = false
		return nil
	}
	return r.learn(refusal.GetBases())
}

// resynchronise follows a machine that was set back: its counter is behind, and what it holds as acknowledged is old.
func (r *round) resynchronise(refusal *syncv1.Refusal) error {
	s := r.syncer
	s.Log.Warn("the aggregator knows a later state of this machine: pushing whole sections", "counter", refusal.GetCounter())
	if err := s.Spool.Raise(refusal.GetCounter()); err != nil {
		return err
	}
	if r.resumes == nil { // told twice: what the aggregator may know is the first
		r.resumes = s.instance
	}
	s.instance = newInstance()
	r.resync, r.sure = true, true
	r.out.Resynced = true
	r.head = map[string]spool.Held{}
	return r.learn(refusal.GetBases())
}

// enrollAgain leaves a credential that two machines use. The new identity starts with nothing.
func (r *round) enrollAgain(ctx context.Context, err error, again bool) error {
	if again {
		return fmt.Errorf("%w: %w", ErrNotAuthorised, err)
	}
	s := r.syncer
	before := s.Identity.SerialNumber
	if s.Complete != nil {
		s.Complete(ctx)
	}
	if err := s.Enroll(ctx, ""); err != nil {
		return err
	}
	s.instance = newInstance() // the old one stays known as half of the conflict, whatever credential it comes with
	s.Log.Error("two machines used one credential, or this machine's evidence changed: enrolled again",
		"serial_number_before", before, "serial_number", s.Identity.SerialNumber)
	r.head, r.sure, r.resync = map[string]spool.Held{}, false, false
	r.out.Reenrolled = true
	if c := s.Configuration; c != nil && !r.configured(c.GetVersion()) {
		r.out.Configuration, r.extras.ConfigurationVersion = c, c.GetVersion()
	}
	return nil
}

// leaveOut stops sending kinds that the aggregator does not know.
func (r *round) leaveOut(refusal *syncv1.Refusal, err error) error {
	var left []string
	for _, base := range refusal.GetBases() {
		if kind := base.GetKind(); kind != "" && !r.syncer.unknown[kind] {
			r.syncer.unknown[kind] = true
			left = append(left, kind)
		}
	}
	if len(left) == 0 {
		return err
	}
	slices.Sort(left)
	r.syncer.Log.Warn("the aggregator is older than this agent: kinds left out until the next start", "kinds", left)
	return nil
}

// doubt deals with a refusal without a reason. Where it may come from a wrong idea of the head, whole sections after a
// full comparison are tried once.
func (r *round) doubt(err error, again bool) error {
	if again {
		return err
	}
	switch connect.CodeOf(err) {
	case connect.CodeFailedPrecondition, connect.CodeAborted, connect.CodeInvalidArgument:
		r.syncer.Log.Warn("push refused: comparing all sections", "err", err)
		r.head, r.sure = map[string]spool.Held{}, false
		return nil
	case connect.CodeUnauthenticated:
		if !errors.Is(err, ErrNotAuthorised) { // it is not the aggregator's word
			return err
		}
		return r.syncer.turnBack(err)
	default:
		return err
	}
}
