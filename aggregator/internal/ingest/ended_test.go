// SPDX-License-Identifier: Apache-2.0

//go:build unix

package ingest_test

import (
	"context"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// A credential is looked up once and then believed; its end is heard of all the same.
func TestCheckInsHearOfCredentialsThatEndedElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.aggregators[0].service.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	c := dialGRPC(t, w.aggregators[0].grpc)
	kept, ending := enrolled(t, c, "M-1"), enrolled(t, c, "M-2")
	kept.current()
	ending.current()
	credential := must(w.CredentialByDigest(ctx, auth.DigestOf(ending.credential)))(t)
	if err := w.RevokeCredential(ctx, credential.ID); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(20 * time.Second) // unwatched, the credential would be good for longer
	for {
		_, err := c.CheckIn(ending.ctx(), ending.checkInRequest(false))
		if err != nil && refusalOf(err).code == connect.CodeUnauthenticated {
			break
		}
		select {
		case <-deadline:
			t.Fatalf("a revoked credential still checks in: %v", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
	kept.current()
}
