// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1connect"
)

// listener is an aggregator that has never seen anything, and keeps all that it is told.
type listener struct {
	credulous
	enroll *syncv1.EnrollRequest
	header *syncv1.PushHeader
	bodies map[string][]string // by kind
}

func (l *listener) Enroll(ctx context.Context, r *syncv1.EnrollRequest) (*syncv1.EnrollResponse, error) {
	l.enroll = r
	return l.credulous.Enroll(ctx, r)
}

func (l *listener) Missing(_ context.Context, r *syncv1.MissingRequest) (*syncv1.MissingResponse, error) {
	answer := &syncv1.MissingResponse{}
	for _, section := range r.GetSections() {
		missing := &syncv1.MissingAssets{Kind: section.GetKind()}
		for i := range len(section.GetIds()) / 16 {
			missing.Positions = append(missing.Positions, uint32(i))
		}
		answer.Sections = append(answer.Sections, missing)
	}
	return answer, nil
}

func (l *listener) PushSections(_ context.Context, stream *connect.ClientStream[syncv1.PushSectionsRequest]) (*syncv1.PushSectionsResponse, error) {
	l.bodies = map[string][]string{}
	for stream.Receive() {
		if header := stream.Msg().GetHeader(); header != nil {
			l.header = proto.CloneOf(header)
		}
		if part := stream.Msg().GetSection(); part != nil {
			for _, body := range part.GetBodies() {
				l.bodies[part.GetKind()] = append(l.bodies[part.GetKind()], string(body))
			}
		}
	}
	return &syncv1.PushSectionsResponse{Root: l.header.GetRoot()}, stream.Err()
}

// image is a small machine's file tree.
func image(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"etc/os-release":      "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian <12> & more\"\n",
		"etc/machine-id":      strings.Repeat("0123456789abcdef", 2) + "\n",
		"etc/hostname":        "box\n",
		"etc/passwd":          "root:x:0:0:root:/root:/bin/bash\n",
		"etc/group":           "root:x:0:\n",
		"var/lib/dpkg/status": "Package: bash\nStatus: install ok installed\nVersion: 5.2\nArchitecture: amd64\nMaintainer: A <a@example.org>\n\nPackage: dash\nStatus: install ok installed\nVersion: 0.5\nArchitecture: amd64\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// shown reads what collect --show-what-is-sent printed, body by body and byte by byte.
func shown(t *testing.T, format, out string) map[string][]string {
	t.Helper()
	bodies := map[string][]string{}
	if format == "table" {
		for line := range strings.Lines(out) {
			columns := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 3)
			bodies[columns[0]] = append(bodies[columns[0]], columns[2])
		}
		return bodies
	}
	var rows []sent
	if format == "json" {
		if err := json.Unmarshal([]byte(out), &rows); err != nil {
			t.Fatal(err)
		}
	} else {
		for line := range strings.Lines(out) {
			var row sent
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row)
		}
	}
	for _, row := range rows {
		bodies[row.Kind] = append(bodies[row.Kind], string(row.Body))
	}
	return bodies
}

func TestWhatIsShownIsWhatIsSent(t *testing.T) {
	t.Parallel()
	l := &listener{}
	mux := http.NewServeMux()
	mux.Handle(syncv1connect.NewSyncServiceHandler(l))
	server := httptest.NewServer(mux)
	defer server.Close()
	root, dir := image(t), filepath.Join(t.TempDir(), "state")
	tree := " --root " + root + " --state-dir " + dir
	if code, _, stderr := agent(t, "enroll --server "+server.URL+" --secret secret"+tree); code != 0 {
		t.Fatal(stderr)
	}
	if code, out, stderr := agent(t, "run --once"+tree); code != 0 {
		t.Fatal(out, stderr)
	}
	for _, format := range []string{"table", "ndjson", "json"} {
		code, out, stderr := agent(t, "collect --show-what-is-sent --format "+format+tree)
		if code != 0 && code != 4 {
			t.Fatalf("%s: got exit %d, %s", format, code, stderr)
		}
		got := shown(t, format, out)
		l.compareBeside(t, got)
		for kind, bodies := range got {
			slices.Sort(bodies)
			slices.Sort(l.bodies[kind])
			if !slices.Equal(bodies, l.bodies[kind]) {
				t.Errorf("%s of %s: shown %q, sent %q", format, kind, bodies, l.bodies[kind])
			}
		}
		for kind, bodies := range l.bodies {
			if len(bodies) > 0 && got[kind] == nil {
				t.Errorf("%s: %s is sent and not shown", format, kind)
			}
		}
	}
	if len(l.bodies["deb_packages"]) != 2 || len(l.bodies["os_version"]) != 1 {
		t.Errorf("got %v", l.bodies)
	}
}

// compareBeside holds the messages beside the assets against what was sent, and takes them out. What moves from one
// collection to the next, and the transport, which nobody knows before, do not count.
func (l *listener) compareBeside(t *testing.T, got map[string][]string) {
	t.Helper()
	vitals, health, enroll := &syncv1.Vitals{}, &syncv1.Health{}, &syncv1.EnrollRequest{}
	for name, m := range map[string]proto.Message{"vitals": vitals, "health": health, "enrollment": enroll} {
		if len(got[name]) != 1 {
			t.Fatalf("%s: got %q", name, got[name])
		}
		if err := protojson.Unmarshal([]byte(got[name][0]), m); err != nil {
			t.Fatal(err)
		}
		delete(got, name)
	}
	still := func(v *syncv1.Vitals) *syncv1.Vitals {
		v = proto.CloneOf(v)
		v.UptimeSeconds, v.BootTimeUnix, v.LoadHundredths = 0, 0, nil
		for _, f := range v.GetFilesystems() {
			f.FreeBytes = 0
		}
		return v
	}
	if a, b := still(vitals), still(l.header.GetVitals()); !proto.Equal(a, b) {
		t.Errorf("vitals: shown %v, sent %v", a, b)
	}
	calm := func(h *syncv1.Health) *syncv1.Health {
		h = proto.CloneOf(h)
		h.Transport = ""
		for _, run := range h.GetRuns() {
			run.DurationMilliseconds, run.BytesRead = 0, 0
		}
		return h
	}
	if a, b := calm(health), calm(l.header.GetHealth()); !proto.Equal(a, b) {
		t.Errorf("health: shown %v, sent %v", a, b)
	}
	sentOnce := proto.CloneOf(l.enroll)
	sentOnce.Secret, sentOnce.Stamp = "", nil
	if !proto.Equal(enroll, sentOnce) {
		t.Errorf("enrolment: shown %v, sent %v", enroll, sentOnce)
	}
}
