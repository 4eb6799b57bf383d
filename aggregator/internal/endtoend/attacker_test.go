// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"testing"

	"connectrpc.com/connect"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1connect"
	"github.com/rollcall-inventory/rollcall/proto/normal"
)

// attacker is an enrolled agent that keeps no rule.
type attacker struct {
	hostility  *hostility
	plain      *http.Client
	http2      *http.Client
	service    syncv1connect.SyncServiceClient
	credential string
	evidence   uint64
	instance   []byte
	counter    uint64
}

// newAttacker enrols an attacker that speaks native gRPC or Connect.
func newAttacker(t *testing.T, h *hostility, secret string, native bool) *attacker {
	t.Helper()
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	a := &attacker{
		hostility: h, instance: make([]byte, 16),
		plain: &http.Client{Transport: &http.Transport{}},
		http2: &http.Client{Transport: &http.Transport{Protocols: protocols}},
	}
	_, _ = rand.Read(a.instance) // never fails
	authorized := connect.WithInterceptors(authorization{a})
	a.service = syncv1connect.NewSyncServiceClient(a.plain, h.site.url, authorized, connect.WithSendGzip())
	if native {
		a.service = syncv1connect.NewSyncServiceClient(a.http2, "http://"+h.site.grpc, authorized, connect.WithGRPC())
	}
	evidence := &syncv1.Evidence{MachineIdHash: machineID() + machineID()}
	a.evidence = normal.EvidenceDigest(evidence)
	answer, err := a.service.Enroll(t.Context(), &syncv1.EnrollRequest{Secret: secret, Evidence: evidence, Stamp: a.stamp()})
	if err != nil {
		t.Fatal(err)
	}
	a.credential = answer.GetCredential()
	return a
}

func (a *attacker) stamp() *syncv1.Stamp {
	a.counter++
	return &syncv1.Stamp{Instance: a.instance, Counter: a.counter, Evidence: a.evidence}
}

// authorization carries the credential once there is one.
type authorization struct{ attacker *attacker }

func (i authorization) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		i.carry(request.Header())
		return next(ctx, request)
	}
}

func (i authorization) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		conn := next(ctx, spec)
		i.carry(conn.RequestHeader())
		return conn
	}
}

func (i authorization) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

func (i authorization) carry(header http.Header) {
	if i.attacker.credential != "" {
		header.Set("Authorization", "Bearer "+i.attacker.credential)
	}
}
