// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/agent/internal/schedule"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1connect"
)

// credulous is an aggregator that believes every root it is told; package upload has a strict one.
type credulous struct {
	syncv1connect.UnimplementedSyncServiceHandler
	mu   sync.Mutex
	root []byte
}

func (c *credulous) Enroll(_ context.Context, r *syncv1.EnrollRequest) (*syncv1.EnrollResponse, error) {
	if r.GetSecret() != "secret" {
		return nil, connect.NewError(connect.CodeUnauthenticated, errors.New("enrolment secret is not known"))
	}
	return &syncv1.EnrollResponse{SerialNumber: "S1", Credential: "rcm_1", IntervalSeconds: 3600}, nil
}

func (c *credulous) CheckIn(_ context.Context, r *syncv1.CheckInRequest) (*syncv1.CheckInResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	answer := &syncv1.CheckInResponse{Outcome: syncv1.CheckInOutcome_CHECK_IN_OUTCOME_CURRENT, IntervalSeconds: 3600}
	if !bytes.Equal(c.root, r.GetRoot()) {
		answer.Outcome = syncv1.CheckInOutcome_CHECK_IN_OUTCOME_PUSH
		for _, section := range r.GetSections() {
			answer.Bases = append(answer.Bases, &syncv1.SectionDigest{Kind: section.GetKind()})
		}
	}
	return answer, nil
}

func (c *credulous) Missing(_ context.Context, r *syncv1.MissingRequest) (*syncv1.MissingResponse, error) {
	answer := &syncv1.MissingResponse{}
	for _, section := range r.GetSections() {
		answer.Sections = append(answer.Sections, &syncv1.MissingAssets{Kind: section.GetKind()})
	}
	return answer, nil
}

func (c *credulous) PushSections(_ context.Context, stream *connect.ClientStream[syncv1.PushSectionsRequest]) (*syncv1.PushSectionsResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for stream.Receive() {
		if header := stream.Msg().GetHeader(); header != nil {
			c.root = header.GetRoot()
		}
	}
	return &syncv1.PushSectionsResponse{Root: c.root}, stream.Err()
}

func (c *credulous) PushDelta(_ context.Context, r *syncv1.PushDeltaRequest) (*syncv1.PushDeltaResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.root = r.GetRoot()
	return &syncv1.PushDeltaResponse{Root: c.root}, nil
}

func (c *credulous) serve(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle(syncv1connect.NewSyncServiceHandler(c))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// agent runs a command line and returns its exit code and output.
func agent(t *testing.T, line string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	code = run(t.Context(), strings.Fields(line), func(string) string { return "" }, &out, &errs)
	return code, out.String(), errs.String()
}

func TestEnrolReportAndStatus(t *testing.T) {
	t.Parallel()
	server, dir := new(credulous).serve(t), filepath.Join(t.TempDir(), "state")
	if code, _, stderr := agent(t, "run --once --state-dir "+dir); code != 2 || !strings.Contains(stderr, "enroll") {
		t.Errorf("before enrolment: got exit %d, %q", code, stderr)
	}
	if code, _, stderr := agent(t, "enroll --server "+server+" --secret wrong --state-dir "+dir); code != 5 {
		t.Errorf("wrong secret: got exit %d, %q", code, stderr)
	}
	for _, want := range []string{"enrolled as S1", "enrolled already as S1"} {
		code, out, stderr := agent(t, "enroll --server "+server+" --secret secret --state-dir "+dir)
		if code != 0 || !strings.Contains(out, want) {
			t.Fatalf("enrol: got exit %d, %q, %q, want %q", code, out, stderr, want)
		}
	}
	for _, want := range []string{schedule.Committed, schedule.Current} {
		r := once(t, dir, 0)
		if r.Outcome != want || r.SerialNumber != "S1" || r.Transport != "connect" || r.BytesSent == 0 || len(r.Root) != 64 {
			t.Errorf("got %+v, want %s", r, want)
		}
	}
	code, out, _ := agent(t, "status --json --state-dir "+dir)
	var status statusView
	if err := json.Unmarshal([]byte(out), &status); err != nil || code != 0 {
		t.Fatalf("status: got exit %d, %v, %s", code, err, out)
	}
	if status.SerialNumber != "S1" || status.LastSuccess == nil || status.PendingSince != nil || strings.Contains(out, "rcm_1") {
		t.Errorf("status: got %s", out)
	}
	if code, out, _ := agent(t, "status --state-dir "+dir); code != 0 || !strings.Contains(out, "current") {
		t.Errorf("status for people: got exit %d, %s", code, out)
	}
}

func TestAnUnreachableServerLeavesTheSnapshotPending(t *testing.T) {
	t.Parallel()
	dir := enrolled(t, httptest.NewServer(http.NotFoundHandler()))
	if r := once(t, dir, 6); r.Outcome != schedule.Failed || r.ErrorKind != schedule.Unreachable {
		t.Errorf("got %+v, want an unreachable server", r)
	}
	_, out, _ := agent(t, "status --state-dir "+dir)
	if !strings.Contains(out, "pending since") || !strings.Contains(out, "unreachable") {
		t.Errorf("got %s, want a pending snapshot and the error", out)
	}
}

func TestOnceWakesTheAgentThatRuns(t *testing.T) {
	t.Parallel()
	c := new(credulous)
	dir := filepath.Join(t.TempDir(), "state")
	if code, _, stderr := agent(t, "enroll --server "+c.serve(t)+" --secret secret --state-dir "+dir); code != 0 {
		t.Fatal(stderr)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan int)
	started, logs := io.Pipe()
	go func() {
		none := func(string) string { return "" }
		done <- run(ctx, []string{"run", "--state-dir", dir}, none, io.Discard, logs)
		logs.Close()
	}()
	if _, err := started.Read(make([]byte, 4096)); err != nil { // the first line says that it started
		t.Fatal(err)
	}
	go io.Copy(io.Discard, started) //nolint:errcheck // ends with the pipe
	if r := once(t, dir, 0); r.Outcome == schedule.Failed || r.SerialNumber != "S1" {
		t.Errorf("got %+v", r)
	}
	stop()
	if code := <-done; code != 0 {
		t.Errorf("the agent ended with %d", code)
	}
}

func TestCollectNeedsNobody(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"json", "ndjson", "table"} {
		for _, more := range []string{"", " --show-what-is-sent"} {
			code, out, stderr := agent(t, "collect --format "+format+more)
			if (code != 0 && code != 4) || !strings.Contains(out, "os_version") {
				t.Errorf("%s%s: got exit %d, %.200q, %q", format, more, code, out, stderr)
			}
		}
	}
	if code, _, stderr := agent(t, "collect --format xml"); code != 2 || stderr == "" {
		t.Errorf("unknown format: got exit %d, %q", code, stderr)
	}
}

func TestVersionAndHelp(t *testing.T) {
	t.Parallel()
	if code, out, _ := agent(t, "version"); code != 0 || !strings.HasPrefix(out, "rollcall-agent ") {
		t.Errorf("version: got exit %d, %q", code, out)
	}
	if code, out, _ := agent(t, "--help"); code != 0 || !strings.Contains(out, "collect") {
		t.Errorf("help: got exit %d, %q", code, out)
	}
}

// enrolled returns the state folder of a machine whose server is closed.
func enrolled(t *testing.T, server *httptest.Server) string {
	t.Helper()
	server.Close()
	dir := t.TempDir()
	file := `{"serial_number":"S1","credential":"rcm_1","server":"` + server.URL + `"}`
	if err := os.WriteFile(filepath.Join(dir, "identity.json"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// moving are the collectors of what other tests on this machine start and end meanwhile.
const moving = "jvms,java_components,listening_ports,services,filesystems"

// once runs `run --once` and returns the line it prints.
func once(t *testing.T, dir string, wantCode int) schedule.Result {
	t.Helper()
	code, out, stderr := agent(t, "run --once --disabled-collectors "+moving+" --state-dir "+dir)
	if code != wantCode || strings.Count(out, "\n") != 1 {
		t.Fatalf("run --once: got exit %d, %q, %q", code, out, stderr)
	}
	var r schedule.Result
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	return r
}
