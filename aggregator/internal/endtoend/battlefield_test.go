// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// battlefield is an aggregator, machines that change and report all the time, and wires between them.
type battlefield struct {
	t        *testing.T
	site     *site
	wires    []*proxy
	fighters []*fighter

	stop context.CancelFunc
	wait sync.WaitGroup
}

// seedOf returns the seed of a test, from SEED or drawn, and logs it.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64)
	if err != nil {
		seed = rand.Uint64()
	}
	t.Logf("seed %d (SEED=%d plays the plan again)", seed, seed)
	return seed
}

func newBattlefield(t *testing.T, r *rand.Rand) *battlefield {
	t.Helper()
	native, main := newProxy(t), newProxy(t)
	native.name, main.name = "native gRPC", "Connect"
	b := &battlefield{t: t, wires: []*proxy{native, main}}
	b.site = newSite(t, "--grpc-advertise", native.address, "--checkin-interval", "1s", "--log-level", "warn")
	native.to(b.site.grpc)
	main.to(strings.TrimPrefix(b.site.url, "http://"))
	if err := b.buildGates(); err != nil {
		t.Fatal(err)
	}
	secret := b.site.must("enrollment", "create", "--name", "test")
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	t.Cleanup(b.peace)
	for _, f := range []*fighter{
		{name: "one (run, gRPC)", wire: native, args: []string{"--transport", "grpc"}},
		{name: "two (run, Connect)", wire: main, args: []string{"--transport", "connect"}},
		{name: "three (run --once)", wire: native, args: []string{"--once"}},
	} {
		b.enlist(ctx, f, r, "http://"+main.address, secret)
	}
	return b
}

// enlist makes a machine, enrols it and lets it change and report until ctx ends.
func (b *battlefield) enlist(ctx context.Context, f *fighter, r *rand.Rand, server, secret string) {
	b.t.Helper()
	f.endpoint, f.rand = newEndpoint(b.t, 60), rand.New(rand.NewPCG(r.Uint64(), 2))
	f.endpoint.enroll(server, secret)
	b.fighters = append(b.fighters, f)
	b.wait.Go(func() { f.fight(ctx) })
	b.wait.Go(func() { f.changeOften(ctx) })
}

// recover brings back what a strike ended, and waits until every machine has reported a change since.
func (b *battlefield) recover() error {
	before := b.acknowledged()
	if b.site.over() {
		if err := b.site.start(); err != nil {
			return err
		}
	}
	if err := b.progress(before); err != nil {
		return err
	}
	return b.site.awaitReady()
}

// acknowledged counts what each machine was told to be committed.
func (b *battlefield) acknowledged() []int {
	counts := make([]int, len(b.fighters))
	for i, f := range b.fighters {
		counts[i] = len(f.acknowledged())
	}
	return counts
}

// progress waits until every machine was told of a further commit.
func (b *battlefield) progress(before []int) error {
	for i, f := range b.fighters {
		err := wait(startLimit, func() (bool, error) { return len(f.acknowledged()) > before[i], nil })
		if err != nil {
			return fmt.Errorf("%s reports no more: %w; its last words:\n%s", f.name, err, f.out.tail())
		}
	}
	return nil
}

// peace ends the agents; the aggregator goes on.
func (b *battlefield) peace() {
	b.stop()
	for _, f := range b.fighters {
		f.kill()
	}
	b.wait.Wait()
}

// verify compares what is stored with what the agents hold and were told.
func (b *battlefield) verify() {
	b.t.Helper()
	roots := map[string]string{}
	for _, f := range b.fighters {
		c := f.endpoint.mustOnce()
		if again := f.endpoint.mustOnce(); again.Outcome != "current" || again.Root != c.Root {
			b.t.Errorf("%s: reports %+v, and then %+v", f.name, c, again)
		}
		f.serial, roots[c.SerialNumber] = c.SerialNumber, c.Root
	}
	if len(roots) != len(b.fighters) {
		b.t.Errorf("%d identities for %d machines", len(roots), len(b.fighters))
	}
	out, err := b.site.run("fsck")
	b.t.Logf("fsck: %s", strings.TrimSpace(out))
	if err != nil {
		b.t.Errorf("fsck: %v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	pool, err := store.Open(ctx, b.dsn())
	if err != nil {
		b.t.Fatal(err)
	}
	defer pool.Close()
	s := store.New(pool)
	defer s.Close()
	for _, f := range b.fighters {
		b.verifyHistory(ctx, s, f, roots[f.serial])
	}
}

// verifyHistory looks for everything that was acknowledged.
func (b *battlefield) verifyHistory(ctx context.Context, s *store.Store, f *fighter, root string) {
	b.t.Helper()
	head, err := s.FindHead(ctx, f.serial, "")
	if err != nil {
		b.t.Fatalf("%s: %v", f.name, err)
	}
	if head.Root.String() != root {
		b.t.Errorf("%s: the agent has root %s, the aggregator %s", f.name, root, head.Root)
	}
	changes, err := s.ListChanges(ctx, head.ID, store.ChangeFilter{Limit: 1_000_000})
	if err != nil {
		b.t.Fatalf("%s: %v", f.name, err)
	}
	slices.Reverse(changes)
	acknowledged, at := f.acknowledged(), 0
	for i, c := range changes {
		if c.Seq != int64(i)+1 {
			b.t.Fatalf("%s: change %d stands at place %d", f.name, c.Seq, i+1)
		}
		if at < len(acknowledged) && c.Root.String() == acknowledged[at] {
			at++
		}
	}
	b.t.Logf("%s: %d changes, %d acknowledged", f.name, len(changes), len(acknowledged))
	if at < len(acknowledged) {
		b.t.Errorf("%s: %s was acknowledged (number %d of %d) and is not in the history in its place", f.name, acknowledged[at], at+1, len(acknowledged))
	}
	if len(acknowledged) == 0 {
		b.t.Errorf("%s: nothing was ever acknowledged", f.name)
	}
}

// postmaster returns the process and the socket of the embedded PostgreSQL.
func (b *battlefield) postmaster() (pid int, socket string, err error) {
	raw, err := os.ReadFile(filepath.Join(b.site.postgres(), "data", "postmaster.pid"))
	if err != nil {
		return 0, "", err
	}
	lines := strings.Split(string(raw), "\n")
	const socketLine = 4 // as in src/include/utils/pidfile.h of PostgreSQL
	if len(lines) <= socketLine {
		return 0, "", errors.New("postmaster.pid is not complete")
	}
	pid, err = strconv.Atoi(strings.TrimSpace(lines[0]))
	return pid, lines[socketLine], err
}

// signalPostgres signals the server; that it is gone already is no trouble.
func (b *battlefield) signalPostgres(signal syscall.Signal) {
	if pid, _, err := b.postmaster(); err == nil {
		_ = syscall.Kill(pid, signal) // see above
	}
}

// dsn is how to reach the site's PostgreSQL.
func (b *battlefield) dsn() string {
	if b.site.database != "" {
		return b.site.database
	}
	_, socket, err := b.postmaster()
	if err != nil {
		b.t.Fatal(err)
	}
	query := url.Values{"host": {socket}, "sslmode": {"disable"}}
	return "postgres://postgres@/postgres?" + query.Encode()
}

// gates are the tables at which a commit can be made to wait. The key of a gate is its place.
var gates = []string{"head_section", "change", "journal"}

// buildGates puts the gates into every commit: each passes while nobody holds its advisory lock.
func (b *battlefield) buildGates() error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, b.dsn())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, `
CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_advisory_xact_lock_shared(tg_argv[0]::bigint); RETURN NEW; END $$`)
	for key, table := range gates {
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, fmt.Sprintf(
			"CREATE TRIGGER gate BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION gate('%d')", table, key))
	}
	return err
}

// gate is a closed gate.
type gate struct {
	conn *pgx.Conn
	key  int
	ctx  context.Context //nolint:containedctx // the gate lives as long as this
	done context.CancelFunc
}

// closeGate makes commits wait at a table until the gate is opened, or whoever keeps it closed is gone.
func (b *battlefield) closeGate(table string) (*gate, error) {
	ctx, cancel := context.WithTimeout(context.Background(), strikeLimit)
	g := &gate{key: slices.Index(gates, table), ctx: ctx, done: cancel}
	var err error
	if g.conn, err = pgx.Connect(ctx, b.dsn()); err == nil {
		_, err = g.conn.Exec(ctx, "SELECT pg_advisory_lock($1)", g.key)
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return g, nil
}

const waitingSQL = `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND NOT granted)`

// await waits until a commit waits at the gate.
func (g *gate) await() error {
	return wait(strikeLimit, func() (waiting bool, err error) {
		err = g.conn.QueryRow(g.ctx, waitingSQL, g.key).Scan(&waiting)
		return waiting, err
	})
}

// open lets the commits pass.
func (g *gate) open() {
	_ = g.conn.Close(context.Background()) // the server may be gone
	g.done()
}

// lines returns the lines of a text that hold a word.
func lines(text, word string) []string {
	var found []string
	in := bufio.NewScanner(strings.NewReader(text))
	for in.Scan() {
		if strings.Contains(in.Text(), word) {
			found = append(found, in.Text())
		}
	}
	return found
}

// aMoment waits a little, or until ctx ends.
func aMoment(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
