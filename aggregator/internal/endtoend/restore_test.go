// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/postgres"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

// shop is a site with backups, kept as docs/operations.md says.
type shop struct {
	*battlefield
	cluster *postgres.Cluster // the first one, run by the aggregator
	backups string            // folder of the archive and of the base backup
	dir     string            // parent of the restored cluster's folder
}

// do runs a block of commands of docs/operations.md as the user of PostgreSQL.
func (s *shop) do(block string, env ...string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	cmd, err := s.cluster.Command(ctx, "/bin/sh", "-euc", documented(s.t, block))
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.Env = slices.Concat(cmd.Env, env, []string{
		"ARCHIVE=" + filepath.Join(s.backups, "wal"), "BACKUP=" + filepath.Join(s.backups, "base"), "NEW=" + filepath.Join(s.dir, "pg"),
	})
	if out, err := cmd.CombinedOutput(); err != nil {
		log, _ := os.ReadFile(filepath.Join(s.dir, "pg", "restore.log")) // there may be none yet
		s.t.Fatalf("%s: %v\n%s\n%s", block, err, out, log)
	}
}

// documented returns a block of commands as the documentation has it.
func documented(t *testing.T, block string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)<!-- tested: " + block + " -->\n```sh\n(.*?)```\n").FindStringSubmatch(string(raw))
	if found == nil {
		t.Fatalf("docs/operations.md has no commands for %s", block)
	}
	return found[1]
}

// folder makes a folder that every user may write to, in which PostgreSQL's user makes its own.
func folder(t *testing.T) string {
	t.Helper()
	dir := storetest.Dir(t)
	if err := os.Chmod(dir, 0o777); err != nil { //nolint:gosec // see above
		t.Fatal(err)
	}
	return dir
}

// query runs a statement on the site's database and returns its one value.
func (s *shop) query(sql string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.dsn())
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close(ctx)
	var value string
	if err := conn.QueryRow(ctx, sql).Scan(&value); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// status asks the API and returns the status of the answer.
func (s *shop) status(token, path string) int {
	s.t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.site.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body) // the status is enough
	return response.StatusCode
}

// newShop starts a site, makes it archive, and takes a base backup.
func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{battlefield: &battlefield{t: t}, backups: folder(t), dir: folder(t)}
	s.site = newSite(t, "--checkin-interval", "1s")
	var err error
	if s.cluster, err = postgres.Open(t.Context(), s.site.postgres(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	t.Cleanup(s.peace)
	s.do("archive")
	s.site.stop(syscall.SIGTERM)
	if err := s.site.start(); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(seedOf(t), 4))
	s.enlist(ctx, &fighter{name: "runs all the time", args: []string{"--transport", "grpc"}}, r, s.site.url, s.secret("early"))
	if err := s.progress(s.acknowledged()); err != nil {
		t.Fatal(err)
	}
	s.do("backup")
	return s
}

func (s *shop) secret(name string) string { return s.site.must("enrollment", "create", "--name", name) }

// restore goes back to a moment, in another folder, and starts the aggregator on that one at the same addresses.
func (s *shop) restore(when string) {
	s.t.Helper()
	s.site.stop(syscall.SIGTERM)
	s.do("restore", "WHEN="+when)
	s.site = startSite(&site{t: s.t, dir: s.dir, url: s.site.url, grpc: s.site.grpc, args: s.site.args})
}

// TestRestoreToAMoment follows the commands of docs/operations.md: archive, base backup, restore to a moment. Afterwards
// the aggregator is in another epoch, agents that were told more than it remembers come to agree with it by themselves,
// and a machine that enrolled later is refused until it enrols again.
func TestRestoreToAMoment(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	token := s.site.must("token", "create", "--name", "test", "--role", "viewer")
	changed, renewed, late := newEndpoint(t, 60), newEndpoint(t, 60), newEndpoint(t, 60)
	for _, e := range []*endpoint{changed, renewed} {
		e.enroll(s.site.url, s.secret(e.root))
	}
	changed.mustOnce()
	var page struct {
		Cursor string `json:"next_cursor"`
	}
	s.site.get(token, "/api/v1/machines?limit=1", &page)

	when := s.query("SELECT clock_timestamp()::text")
	changed.debs["after"] = 1
	changed.writeStatus()
	changed.mustOnce()
	s.query("WITH old AS (UPDATE credential SET created_at = created_at - interval '31 days' RETURNING 1) SELECT count(*)::text FROM old")
	renewed.mustOnce() // its credential being old, it gets a new one
	renewed.mustOnce() // which it uses
	if s.query("SELECT count(*)::text FROM credential WHERE revoked_at IS NOT NULL") != "1" {
		t.Error("no credential was renewed: the test tests nothing")
	}
	late.enroll(s.site.url, s.secret("late"))
	serial := late.mustOnce().SerialNumber
	if err := s.progress(s.acknowledged()); err != nil {
		t.Fatal(err)
	}

	s.restore(when)
	if !strings.Contains(s.site.out.String(), "new_epoch=true") {
		t.Error("the aggregator does not notice another epoch")
	}
	if got := s.status(token, "/api/v1/machines?cursor="+url.QueryEscape(page.Cursor)); got != http.StatusGone {
		t.Errorf("a cursor from before: got status %d, want 410", got)
	}
	if got := s.status(token, "/api/v1/machines/"+serial); got != http.StatusNotFound {
		t.Errorf("the machine that enrolled later: got status %d, want 404", got)
	}
	if err := s.progress(s.acknowledged()); err != nil { // the agent that was never restarted
		t.Error(err)
	}
	for _, e := range []*endpoint{changed, renewed} {
		e.agreesAgain()
	}
	late.refusedUntilEnrolled(s.site.url, s.secret("again"), serial)
	s.peace()
	if out, err := s.site.run("fsck"); err != nil {
		t.Errorf("fsck: %v\n%s", err, out)
	}
	s.comparesRoots(token, append([]*endpoint{changed, renewed, late}, s.fighters[0].endpoint))
}

// agreesAgain reports to a restored aggregator.
func (e *endpoint) agreesAgain() {
	e.t.Helper()
	first := e.mustOnce()
	if first.Outcome != "committed" {
		e.t.Errorf("after the restore: outcome %q, want committed, because something was lost", first.Outcome)
	}
	if second := e.mustOnce(); second.Outcome != "current" || second.Root != first.Root {
		e.t.Errorf("after the restore: %+v, and then %+v", first, second)
	}
}

// refusedUntilEnrolled is what happens to a machine that the restored database does not know.
func (e *endpoint) refusedUntilEnrolled(server, secret, serial string) {
	e.t.Helper()
	const notAuthorised = 5
	var exit *exitError
	if _, err := e.once(); !errors.As(err, &exit) || exit.code != notAuthorised || !strings.Contains(exit.stderr, "enrol again") {
		e.t.Errorf("a machine that is not known: got %v, want exit code %d", err, notAuthorised)
	}
	if err := os.Remove(filepath.Join(e.state, "identity.json")); err != nil {
		e.t.Fatal(err)
	}
	e.enroll(server, secret)
	if again := e.mustOnce(); again.SerialNumber != serial || again.Outcome != "committed" {
		e.t.Errorf("enrolled again: got %+v, want the serial number %s", again, serial)
	}
}

// comparesRoots holds what the aggregator shows against what the agents hold.
func (s *shop) comparesRoots(token string, endpoints []*endpoint) {
	s.t.Helper()
	for _, e := range endpoints {
		c := e.mustOnce()
		var machine struct {
			Sources []struct {
				Root string `json:"root"`
			} `json:"sources"`
		}
		s.site.get(token, "/api/v1/machines/"+c.SerialNumber, &machine)
		if len(machine.Sources) != 1 || machine.Sources[0].Root != c.Root {
			s.t.Errorf("%s: the agent has root %s, the aggregator %+v", c.SerialNumber, c.Root, machine.Sources)
		}
	}
}
