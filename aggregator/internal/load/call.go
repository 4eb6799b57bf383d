// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"time"

	"connectrpc.com/connect"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1connect"
)

const (
	// unaryLimit and streamLimit bound one call, as the agent does.
	unaryLimit  = 30 * time.Second
	streamLimit = 5 * time.Minute
)

// call makes one call for the machine and books it; once more when the connection turned out to be dead. The first call
// of a round counts from the moment at which the machine was due.
func (r *round) call(ctx context.Context, name string, limit time.Duration, f func(context.Context, syncv1connect.SyncServiceClient) error) error {
	err := r.once(ctx, name, limit, f)
	if ctx.Err() == nil && connect.CodeOf(err) == connect.CodeUnavailable && err != nil && refusalOf(err) == nil {
		err = r.once(ctx, name, limit, f)
	}
	return err
}

func (r *round) once(ctx context.Context, name string, limit time.Duration, f func(context.Context, syncv1connect.SyncServiceClient) error) error {
	since := time.Now()
	if !r.due.IsZero() && r.due.Before(since) {
		since = r.due
	}
	r.due = time.Time{}
	ctx, cancel := context.WithTimeout(withCredential(ctx, r.machine.memory().credential), limit)
	defer cancel()
	err := f(ctx, r.lane.service)
	r.runner.record.call(name, time.Since(since), err)
	return err
}

// refusalOf returns the aggregator's reason for refusing a call where a machine can act on it, else nil.
func refusalOf(err error) *syncv1.Refusal {
	var refused *connect.Error
	if !errors.As(err, &refused) {
		return nil
	}
	for _, detail := range refused.Details() {
		if message, err := detail.Value(); err == nil {
			if refusal, ok := message.(*syncv1.Refusal); ok {
				return refusal
			}
		}
	}
	return nil
}

// codeOf names an error in reports: `resource_exhausted BUSY`, `unavailable`.
func codeOf(err error) string {
	code := connect.CodeOf(err).String()
	if reason := refusalOf(err).GetReason(); reason != syncv1.RefusalReason_REFUSAL_REASON_UNSPECIFIED {
		code += " " + strings.TrimPrefix(reason.String(), "REFUSAL_REASON_")
	}
	return code
}

// retryAfter returns how long the aggregator asked to wait; 0 when it did not.
func retryAfter(err error) time.Duration {
	refusal := refusalOf(err)
	if refusal.GetReason() != syncv1.RefusalReason_REFUSAL_REASON_BUSY {
		return 0
	}
	return max(time.Duration(refusal.GetRetryMilliseconds())*time.Millisecond, time.Millisecond)
}

// passing tells whether an error may go away by itself. An agent tries again whatever it was; here a machine that is
// refused for good would only hide it.
func passing(err error) bool {
	var failed *connect.Error
	var certificate *tls.CertificateVerificationError
	if !errors.As(err, &failed) || errors.As(err, &certificate) {
		return false
	}
	switch failed.Code() {
	case connect.CodeInvalidArgument, connect.CodeUnauthenticated, connect.CodePermissionDenied, connect.CodeUnimplemented,
		connect.CodeNotFound, connect.CodeFailedPrecondition, connect.CodeOutOfRange:
		return false
	default:
		return true
	}
}
