// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/agent/internal/doctor"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1connect"
)

// strict is a credulous aggregator that revokes credentials and has a collection configuration.
type strict struct {
	credulous
	revoked  atomic.Bool
	enrolled atomic.Int32
	goodbyes atomic.Int32
	wants    atomic.Pointer[syncv1.Configuration]
	dropped  atomic.Pointer[[]string] // kinds of the last delta that go
}

func (s *strict) Enroll(ctx context.Context, r *syncv1.EnrollRequest) (*syncv1.EnrollResponse, error) {
	s.enrolled.Add(1)
	s.revoked.Store(false)
	answer, err := s.credulous.Enroll(ctx, r)
	if err == nil {
		answer.Configuration = s.wants.Load()
	}
	return answer, err
}

func (s *strict) Missing(ctx context.Context, r *syncv1.MissingRequest) (*syncv1.MissingResponse, error) {
	if s.revoked.Load() {
		return nil, connect.NewError(connect.CodeUnauthenticated, errors.New("unknown or revoked machine credential"))
	}
	return s.credulous.Missing(ctx, r)
}

func (s *strict) CheckIn(ctx context.Context, r *syncv1.CheckInRequest) (*syncv1.CheckInResponse, error) {
	answer, err := s.credulous.CheckIn(ctx, r)
	if wants := s.wants.Load(); err == nil && wants.GetVersion() != r.GetConfigurationVersion() {
		answer.Configuration = wants
	}
	return answer, err
}

func (s *strict) PushDelta(ctx context.Context, r *syncv1.PushDeltaRequest) (*syncv1.PushDeltaResponse, error) {
	var dropped []string
	for _, section := range r.GetSections() {
		if section.GetState() == syncv1.SectionState_SECTION_STATE_DROP {
			dropped = append(dropped, section.GetKind())
		}
	}
	s.dropped.Store(&dropped)
	answer, err := s.credulous.PushDelta(ctx, r)
	if err == nil {
		answer.ConfigurationVersion = s.wants.Load().GetVersion()
	}
	return answer, err
}

func (s *strict) Goodbye(context.Context, *syncv1.GoodbyeRequest) (*syncv1.GoodbyeResponse, error) {
	s.goodbyes.Add(1)
	s.revoked.Store(true)
	return &syncv1.GoodbyeResponse{}, nil
}

// begin starts the aggregator and enrols a machine with it.
func (s *strict) begin(t *testing.T) (enroll, tree, dir string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle(syncv1connect.NewSyncServiceHandler(s))
	mux.HandleFunc("GET /-/healthy", func(http.ResponseWriter, *http.Request) {})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	dir = filepath.Join(t.TempDir(), "state")
	tree = " --root " + image(t) + " --state-dir " + dir
	enroll = "enroll --server " + server.URL + " --secret secret" + tree
	if code, _, stderr := agent(t, enroll); code != 0 {
		t.Fatal(stderr)
	}
	return enroll, tree, dir
}

func TestEnrollingAgain(t *testing.T) {
	t.Parallel()
	s := &strict{}
	enroll, _, _ := s.begin(t)
	steps := []struct {
		name, line, says string
		revoke           bool
		enrolments       int32
	}{
		{"nothing to do", enroll, "enrolled already as S1", false, 1},
		{"asked for", enroll + " --again", "enrolled as S1", false, 2},
		{"the credential was revoked", enroll, "enrolled as S1", true, 3},
	}
	for _, step := range steps {
		s.revoked.Store(step.revoke)
		code, out, stderr := agent(t, step.line)
		if code != 0 || !strings.Contains(out, step.says) || s.enrolled.Load() != step.enrolments {
			t.Errorf("%s: got exit %d, %q, %q after %d enrolments", step.name, code, out, stderr, s.enrolled.Load())
		}
	}
}

func TestGoodbyeEndsTheIdentity(t *testing.T) {
	t.Parallel()
	s := &strict{}
	enroll, tree, dir := s.begin(t)
	if code, out, stderr := agent(t, "goodbye"+tree); code != 0 || !strings.Contains(out, "S1 is archived") {
		t.Errorf("got exit %d, %q, %q", code, out, stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "identity.json")); !os.IsNotExist(err) {
		t.Errorf("the identity is still there: %v", err)
	}
	if code, out, _ := agent(t, "goodbye"+tree); code != 0 || !strings.Contains(out, "not enrolled") || s.goodbyes.Load() != 1 {
		t.Errorf("again: got exit %d, %q, %d goodbyes", code, out, s.goodbyes.Load())
	}
	nowhere := filepath.Join(t.TempDir(), "none")
	if code, _, stderr := agent(t, "goodbye --state-dir "+nowhere); code != 0 {
		t.Errorf("never enrolled: got exit %d, %q", code, stderr)
	}
	if _, err := os.Stat(nowhere); !os.IsNotExist(err) {
		t.Errorf("goodbye made a state folder: %v", err)
	}
	if code, out, _ := agent(t, enroll); code != 0 || !strings.Contains(out, "enrolled as S1") {
		t.Errorf("coming back: got exit %d, %q", code, out)
	}
}

func TestWhatTheAggregatorSwitchesOffGoesWithOneRun(t *testing.T) {
	t.Parallel()
	s := &strict{}
	_, tree, dir := s.begin(t)
	if code, _, stderr := agent(t, "run --once"+tree); code != 0 {
		t.Fatal(stderr)
	}
	s.wants.Store(&syncv1.Configuration{Version: 7, DisabledCollectors: []string{"deb_packages"}})
	code, out, stderr := agent(t, "run --once"+tree)
	if dropped := s.dropped.Load(); code != 0 || dropped == nil || strings.Join(*dropped, " ") != "deb_packages install_times" {
		t.Errorf("got exit %d, %s, %s, dropped %v", code, out, stderr, dropped)
	}
	_, out, _ = agent(t, "status --state-dir "+dir)
	if !strings.Contains(out, "version 7") || !strings.Contains(out, "COLLECTOR") || !strings.Contains(out, "disabled") {
		t.Errorf("got %s", out)
	}
	if code, shown, _ := agent(t, "collect --show-what-is-sent"+tree); code != 0 || strings.Contains(shown, "deb_packages\t") {
		t.Errorf("got exit %d, %.300s, want no packages shown", code, shown)
	}
}

func TestDoctorSaysWhatFails(t *testing.T) {
	t.Parallel()
	s := &strict{}
	_, _, dir := s.begin(t)
	examine := func(line string) (int, doctor.Report) {
		t.Helper()
		code, out, stderr := agent(t, "doctor --json "+line)
		var r doctor.Report
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatalf("%v: %s%s", err, out, stderr)
		}
		return code, r
	}
	if code, r := examine("--state-dir " + dir); code != 0 {
		t.Errorf("all is well: got exit %d, %+v", code, r)
	}
	s.revoked.Store(true)
	if code, r := examine("--state-dir " + dir); code != 5 {
		t.Errorf("revoked: got exit %d, %+v", code, r)
	}
	none := filepath.Join(t.TempDir(), "none")
	if code, r := examine("--server http://127.0.0.1:1 --state-dir " + none); code != 6 {
		t.Errorf("refused: got exit %d, %+v", code, r)
	}
	if code, _, stderr := agent(t, "doctor --state-dir "+none); code != 2 || !strings.Contains(stderr, "enroll") {
		t.Errorf("neither enrolled nor told where: got exit %d, %q", code, stderr)
	}
	if _, out, _ := agent(t, "doctor --state-dir "+dir); !strings.Contains(out, "authentication") || !strings.Contains(out, "-> ") {
		t.Errorf("for people: got %s", out)
	}
}
