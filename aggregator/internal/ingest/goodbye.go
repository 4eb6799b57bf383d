// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// Goodbye archives the machine and ends the credential: a machine that comes back enrols again. A second goodbye is
// answered like the first.
func (s *Service) Goodbye(ctx context.Context, req *syncv1.GoodbyeRequest) (*syncv1.GoodbyeResponse, error) {
	if callerOf(ctx).gone {
		return &syncv1.GoodbyeResponse{}, nil
	}
	r, err := s.begin(ctx, req.GetStamp(), nil)
	if err != nil {
		return nil, err
	}
	turn, err := s.gates.queries.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer turn.leave()
	if err := s.committer.CheckOrder(ctx, r.caller.Machine, r.source.ID, r.stamp); err != nil {
		return nil, s.refused(ctx, &r, err)
	}
	if _, err := s.store.Archive(ctx, []string{r.caller.Serial}); err != nil {
		return nil, unavailable(err)
	}
	if err := s.store.RevokeCredential(ctx, r.caller.ID); err != nil {
		return nil, unavailable(err)
	}
	s.callers.drop(r.caller.digest)
	s.log.Info("machine said goodbye", "serial_number", r.caller.Serial, "reason", excerpt(req.GetReason()))
	return &syncv1.GoodbyeResponse{}, nil
}

// excerpt cuts a text of an agent to what a log line takes.
func excerpt(text string) string {
	const most = 200
	return text[:min(len(text), most)]
}
