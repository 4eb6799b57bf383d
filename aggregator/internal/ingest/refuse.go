// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// refuse returns an error with a detail that the agent acts on.
func refuse(code connect.Code, refusal *syncv1.Refusal, text string) error {
	err := connect.NewError(code, errors.New(text))
	if detail, detailErr := connect.NewErrorDetail(refusal); detailErr == nil {
		err.AddDetail(detail)
	}
	return err
}

// invalid refuses a malformed message.
func invalid(format string, args ...any) error {
	return connect.NewError(connect.CodeInvalidArgument, fmt.Errorf(format, args...))
}

// exhausted refuses too much of something that is fine otherwise.
func exhausted(format string, args ...any) error {
	return connect.NewError(connect.CodeResourceExhausted, fmt.Errorf(format, args...))
}

func refuseFrozen(why string) error {
	return refuse(connect.CodePermissionDenied, &syncv1.Refusal{Reason: syncv1.RefusalReason_REFUSAL_REASON_FROZEN},
		"credential is frozen: "+why+": enrol again")
}

func refuseMissing(missing *commit.MissingError, text string) error {
	return refuse(connect.CodeFailedPrecondition, &syncv1.Refusal{
		Reason: syncv1.RefusalReason_REFUSAL_REASON_ASSETS_MISSING,
		Bases:  []*syncv1.SectionDigest{{Kind: missing.Kind}},
	}, text)
}

// refuseBusy asks for another try after a wait.
func refuseBusy(wait time.Duration, text string) error {
	return refuseUntil(connect.CodeResourceExhausted, wait, text)
}

// refuseUntil says how long to wait in both ways that there are: proxies and people read Retry-After.
func refuseUntil(code connect.Code, wait time.Duration, text string) error {
	err := refuse(code, &syncv1.Refusal{
		Reason: syncv1.RefusalReason_REFUSAL_REASON_BUSY, RetryMilliseconds: uint32(wait.Milliseconds()),
	}, text)
	var refused *connect.Error
	if errors.As(err, &refused) {
		refused.Meta().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	return err
}

// unavailable says that the database did not do its part; the cause stays in the log.
func unavailable(cause error) error {
	if errors.Is(cause, context.Canceled) {
		return connect.NewError(connect.CodeCanceled, errors.New("the caller went away"))
	}
	return &internalError{cause}
}

// internalError is a failure whose cause is for the log only.
type internalError struct{ cause error }

// Error returns what the agent may read.
func (e *internalError) Error() string {
	if errors.Is(e.cause, context.DeadlineExceeded) {
		return "the request took too long"
	}
	return "the database does not answer"
}

// refusalOf maps what commit says no with to what agents understand. It is the one place that does.
func (s *Service) refusalOf(ctx context.Context, c caller, err error) error {
	var (
		bad     *commit.InvalidError
		base    *commit.BaseError
		stale   *commit.StaleError
		missing *commit.MissingError
		kinds   *commit.KindError
	)
	var refused *connect.Error
	switch {
	case errors.As(err, &refused): // for want of room
		return err
	case errors.As(err, &bad) && bad.Limit:
		return connect.NewError(connect.CodeResourceExhausted, err)
	case errors.As(err, &bad):
		return connect.NewError(connect.CodeInvalidArgument, err)
	case errors.As(err, &base):
		return refuse(connect.CodeFailedPrecondition, &syncv1.Refusal{
			Reason: syncv1.RefusalReason_REFUSAL_REASON_BASE_UNKNOWN, Bases: digestsOf(base.Bases),
		}, err.Error())
	case errors.As(err, &stale):
		return refuse(connect.CodeAborted, &syncv1.Refusal{
			Reason: syncv1.RefusalReason_REFUSAL_REASON_STALE, Counter: stale.Counter,
		}, err.Error())
	case errors.As(err, &missing):
		return refuseMissing(missing, err.Error())
	case errors.As(err, &kinds):
		refusal := &syncv1.Refusal{Reason: syncv1.RefusalReason_REFUSAL_REASON_KIND_UNKNOWN}
		for _, kind := range kinds.Kinds {
			refusal.Bases = append(refusal.Bases, &syncv1.SectionDigest{Kind: kind})
		}
		return refuse(connect.CodeUnimplemented, refusal, err.Error())
	case errors.Is(err, store.ErrFrozen):
		s.callers.drop(c.digest)
		return refuseFrozen("another machine uses it")
	case errors.Is(err, store.ErrRetry):
		return refuseBusy(spread(minRetry, rand.Float64()), "the machine's snapshot changes too often")
	default:
		return unavailable(err)
	}
}

// digestsOf lists section digests in the order of their kinds.
func digestsOf(sections map[string]asset.Digest) []*syncv1.SectionDigest {
	out := make([]*syncv1.SectionDigest, 0, len(sections))
	for _, kind := range slices.Sorted(maps.Keys(sections)) {
		digest := sections[kind]
		out = append(out, &syncv1.SectionDigest{Kind: kind, Digest: digest[:]})
	}
	return out
}
