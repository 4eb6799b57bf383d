// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// Goodbye archives the machine and ends the credential: a machine that comes back enrols again.
func (s *Service) Goodbye(ctx context.Context, req *syncv1.GoodbyeRequest) (*syncv1.GoodbyeResponse, error) {
	r, err := s.begin(ctx, req.GetStamp(), nil)
	if err != nil {
		return nil, err
	}
	if _, err := s.store.Archive(ctx, []string{r.caller.Serial}); err != nil {
		return nil, unavailable(err)
	}
	if err := s.store.RevokeCredential(ctx, r.caller.ID); err != nil {
		return nil, unavailable(err)
	}
	s.callers.drop(r.caller.digest)
	const maxReason = 200
	reason := req.GetReason()
	s.log.Info("machine said goodbye", "serial_number", r.caller.Serial, "reason", reason[:min(len(reason), maxReason)])
	return &syncv1.GoodbyeResponse{}, nil
}
