// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"context"
	"testing"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/agent/internal/spool"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// syncWith runs one Sync of an agent that has a version of the configuration.
func (s *site) syncWith(p spool.Pending, version uint64) (Outcome, []string) {
	s.t.Helper()
	s.calls = nil
	out, err := s.agent.Sync(context.Background(), p, Extras{ConfigurationVersion: version})
	if err != nil {
		s.t.Fatalf("sync: %v (calls %v)", err, s.calls)
	}
	return out, s.calls
}

func TestWhatANewConfigurationSwitchesOffIsNotPushedBefore(t *testing.T) {
	t.Parallel()
	s := newSite(t, "grpc")
	s.configuration = 7
	out, calls := s.syncWith(machine(10), 0)
	s.expectCalls(calls, "CheckIn")
	if !out.Stopped || out.Configuration.GetVersion() != 7 || len(s.head) != 0 {
		t.Errorf("got %+v and %d sections at the aggregator, want the configuration and none", out, len(s.head))
	}
	out, calls = s.syncWith(machine(10), 7)
	s.expectCalls(calls, "CheckIn", "Missing", "PushSections")
	if out.Stopped || !out.Committed || out.Configuration != nil {
		t.Errorf("got %+v", out)
	}
}

func TestAnUnchangedMachineHearsOfAConfiguration(t *testing.T) {
	t.Parallel()
	s := newSite(t, "grpc")
	s.syncWith(machine(10), 0)
	s.configuration = 7
	out, calls := s.syncWith(machine(10), 0)
	s.expectCalls(calls, "CheckIn")
	if out.Stopped || out.Configuration.GetVersion() != 7 {
		t.Errorf("got %+v", out)
	}
	s.configuration = 0
	if out, _ := s.syncWith(machine(10), 7); out.Configuration == nil || out.Configuration.GetVersion() != 0 {
		t.Errorf("there is none any more: got %+v", out)
	}
}

func TestAMachineThatAlwaysChangesHearsOfAConfigurationToo(t *testing.T) {
	t.Parallel()
	s := newSite(t, "grpc")
	s.syncWith(machine(10), 0)
	s.configuration = 7
	out, calls := s.syncWith(machine(11), 0)
	s.expectCalls(calls, "PushDelta", "CheckIn")
	if !out.Committed || out.Configuration.GetVersion() != 7 {
		t.Errorf("got %+v", out)
	}
	out, calls = s.syncWith(machine(12), 7)
	s.expectCalls(calls, "PushDelta")
	if out.Configuration != nil {
		t.Errorf("got %+v", out)
	}
}

func TestAConfigurationComesWithANewIdentity(t *testing.T) {
	t.Parallel()
	s := newSite(t, "grpc")
	s.syncWith(machine(10), 0)
	s.configuration = 7
	frozen := true
	s.refuse = func(procedure string) error {
		if procedure == "Enroll" {
			frozen = false
		}
		if frozen {
			return refusal(connect.CodePermissionDenied, syncv1.RefusalReason_REFUSAL_REASON_FROZEN)
		}
		return nil
	}
	out, calls := s.syncWith(machine(10), 0)
	s.expectCalls(calls, "CheckIn", "Enroll")
	if !out.Reenrolled || !out.Stopped || out.Configuration.GetVersion() != 7 {
		t.Errorf("got %+v", out)
	}
}
