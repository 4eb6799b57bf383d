// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"errors"
	"math"
	"net/http"
	"testing"
	"time"

	"connectrpc.com/connect"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

func TestWhatAnAggregatorAsksIsBounded(t *testing.T) {
	t.Parallel()
	for asked, want := range map[uint32]time.Duration{
		0: minRetryAfter, 1: minRetryAfter, 1500: 1500 * time.Millisecond, 300_000: 5 * time.Minute, math.MaxUint32: maxRetryAfter,
	} {
		err := connect.NewError(connect.CodeResourceExhausted, errors.New("busy"))
		detail, detailErr := connect.NewErrorDetail(&syncv1.Refusal{Reason: syncv1.RefusalReason_REFUSAL_REASON_BUSY, RetryMilliseconds: asked})
		if detailErr != nil {
			t.Fatal(detailErr)
		}
		err.AddDetail(detail)
		if got := RetryAfter(err); got != want {
			t.Errorf("asked for %d ms: got %v, want %v", asked, got, want)
		}
	}
	if got := RetryAfter(refusal(connect.CodeAborted, syncv1.RefusalReason_REFUSAL_REASON_STALE)); got != 0 {
		t.Errorf("another refusal: got %v, want 0", got)
	}
}

func TestTheTLSSessionIsResumed(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t)
	for _, transport := range []string{"connect", "grpc"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			f := newFake()
			server := serveTLS(t, f, ours.issue(t, time.Now().Add(time.Hour), "127.0.0.1"))
			inner := server.Config.Handler
			var resumed []bool
			server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				resumed = append(resumed, r.TLS.DidResume)
				f.counter = 0 // every check-in is the first
				inner.ServeHTTP(w, r)
			})
			client := dial(t, Options{
				Server: server.URL, GRPCAddress: portOf(t, server), Transport: transport, CAFile: ours.file, Credential: f.credential,
			})
			for range 2 {
				if err := checkIn(client); err != nil {
					t.Fatal(err)
				}
				client.Close()
			}
			if len(resumed) != 2 || resumed[0] || !resumed[1] {
				t.Errorf("resumed: got %v, want the second time", resumed)
			}
		})
	}
}
