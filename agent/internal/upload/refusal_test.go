// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/agent/internal/identity"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

func TestAnUnknownBaseBringsTheSection(t *testing.T) {
	t.Parallel()
	s := newSite(t, "grpc")
	s.sync(machine(50))
	s.head["deb_packages"] = s.head["deb_packages"][1:]
	_, calls := s.sync(machine(51))
	s.expectCalls(calls, "PushDelta", "Missing", "PushSections")
}

func TestAMachineThatWasSetBackPushesWholeSections(t *testing.T) {
	t.Parallel()
	s := newSite(t, "grpc")
	s.sync(machine(50))
	before := s.agent.instance
	s.counter += 10_000
	out, calls := s.sync(machine(51))
	s.expectCalls(calls, "PushDelta", "Missing", "PushSections")
	if last := s.headers[len(s.headers)-1]; !last.GetResync() || slices.Equal(last.GetStamp().GetInstance(), before) || !out.Resynced {
		t.Errorf("got header %v, want resync and a new instance", last)
	}
	_, calls = s.sync(machine(52))
	s.expectCalls(calls, "PushDelta")
}

func TestAFrozenCredentialIsTradedForANewIdentity(t *testing.T) {
	t.Parallel()
	s := newSite(t, "grpc")
	s.sync(machine(50))
	frozen, before := true, s.instance
	s.refuse = func(procedure string) error {
		if !frozen {
			return nil
		}
		if procedure == "Enroll" {
			frozen = false
			s.credential, s.serial, s.head = "rcm_second", "S1-2", map[string][]asset.Digest{}
			return nil
		}
		return refusal(connect.CodePermissionDenied, syncv1.RefusalReason_REFUSAL_REASON_FROZEN)
	}
	out, calls := s.sync(machine(50))
	s.expectCalls(calls, "CheckIn", "Enroll", "CheckIn", "Missing", "PushSections")
	saved, err := identity.Load(s.dir)
	if err != nil || saved.SerialNumber != "S1-2" || saved.Credential != "rcm_second" || !out.Reenrolled {
		t.Errorf("got %+v, %v, want the second identity on disk", saved, err)
	}
	if bytes.Equal(s.instance, before) {
		t.Error("the agent goes on as the instance that the conflict is known for")
	}
}

func TestALostOfferIsMadeAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t, "grpc")
	s.forgetful = true
	_, calls := s.sync(machine(50))
	s.expectCalls(calls, "CheckIn", "Missing", "PushSections", "Missing", "PushSections")
}

func TestAKindTheAggregatorDoesNotKnowIsLeftOut(t *testing.T) {
	t.Parallel()
	s := newSite(t, "grpc")
	s.lacksKinds = map[string]bool{"disks": true}
	s.sync(machine(50))
	if _, ok := s.head["disks"]; ok || len(s.head) == 0 {
		t.Errorf("got head %v, want all but disks", s.head)
	}
	_, calls := s.sync(machine(50))
	s.expectCalls(calls, "CheckIn")
}

func TestABusyAggregatorIsGivenTheTimeItAskedFor(t *testing.T) {
	t.Parallel()
	s := newSite(t, "grpc")
	s.refuse = func(string) error {
		return refusal(connect.CodeResourceExhausted, syncv1.RefusalReason_REFUSAL_REASON_BUSY)
	}
	_, err := s.agent.Sync(context.Background(), machine(5), Extras{})
	if got := RetryAfter(err); got != 1500*time.Millisecond || !errors.Is(err, ErrUnreachable) {
		t.Errorf("got %v (%v), want 1.5s", got, err)
	}
	if p, err := s.agent.source().Pending(); p == nil || err != nil {
		t.Errorf("pending: got %v, %v, want the snapshot", p, err)
	}
}

func TestALostAnswerIsFoundOut(t *testing.T) {
	t.Parallel()
	s := newSite(t, "grpc")
	s.sync(machine(50))
	s.after = func(procedure string) error {
		if procedure == "PushDelta" {
			return connect.NewError(connect.CodeUnavailable, errors.New("connection reset"))
		}
		return nil
	}
	if _, err := s.agent.Sync(context.Background(), machine(51), Extras{}); !errors.Is(err, ErrUnreachable) {
		t.Fatalf("got %v, want ErrUnreachable", err)
	}
	s.after = nil
	s.start("grpc")
	s.calls = nil
	out, had, err := s.agent.Retry(context.Background(), Extras{})
	if err != nil || !had || out.Root != s.root() {
		t.Fatalf("got %+v, %t, %v", out, had, err)
	}
	s.expectCalls(s.calls, "PushDelta", "CheckIn")
	if len(s.head["deb_packages"]) != 51 {
		t.Errorf("got %d packages, want 51", len(s.head["deb_packages"]))
	}
}

func TestARefusalWithoutAReasonIsTriedOnceWithWholeSections(t *testing.T) {
	t.Parallel()
	s := newSite(t, "grpc")
	s.sync(machine(50))
	s.refuse = func(procedure string) error {
		if procedure == "PushDelta" {
			return connect.NewError(connect.CodeInvalidArgument, errors.New("no"))
		}
		return nil
	}
	_, calls := s.sync(machine(51))
	s.expectCalls(calls, "PushDelta", "CheckIn", "Missing", "PushSections")
}

func TestAProxyThatWantsALoginSaysNothingOfTheCredential(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		s := newSite(t, "connect")
		s.sync(machine(5))
		s.agent.Identity.Previous = "rcm_before"
		portal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>log in first", status)
		}))
		t.Cleanup(portal.Close)
		for _, transport := range []string{"connect", "grpc"} {
			s.agent.Client = dial(t, Options{Server: portal.URL, GRPCAddress: portOf(t, portal), Transport: transport})
			_, err := s.agent.Sync(context.Background(), machine(6), Extras{})
			if !errors.Is(err, ErrUnreachable) || errors.Is(err, ErrNotAuthorised) {
				t.Errorf("%d over %s: got %v, want ErrUnreachable", status, transport, err)
			}
			if got := s.agent.Identity.Credential; got != "rcm_first" {
				t.Errorf("%d over %s: turned back to %s", status, transport, got)
			}
		}
	}
}
