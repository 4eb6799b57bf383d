// SPDX-License-Identifier: Apache-2.0

//go:build unix

package notify_test

import (
	"bufio"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/notify"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func TestWhatCouldNotBeReadIsReadLaterThoughNothingElseHappens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := newReceiver(t, nil)
	w.run(notify.Options{Sinks: []config.Sink{hook("a", r.server.URL)}})
	w.begun("webhook.a")
	w.happen(0, 0)
	w.settled("webhook.a")
	w.exec(`ALTER TABLE journal_floor RENAME TO hidden`)
	w.happen(0, 1)
	w.until("reading does not fail", func() bool { return w.sink("webhook.a").LastError != "" })
	w.exec(`ALTER TABLE hidden RENAME TO journal_floor`)
	w.until("1 does not come", func() bool { return len(r.taken()) == 2 })
}

func TestAClockThatWasSetBackDropsNothingNew(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "e.jsonl")
	for _, at := range []string{"29990101T000000.000000001Z", "29990101T000000.000000002Z"} {
		if err := os.WriteFile(path+"."+at, []byte("old\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := notify.NewFile(path, 10, 2)
	if err := f.Write("aaaaaaaa", "bbbbbbbb"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	files := must(filepath.Glob(path + ".*"))(t)
	if len(files) != 2 || !slices.Equal(read(t, files[1]), []string{"aaaaaaaa"}) {
		t.Errorf("kept %v, want what was written last at the end", files)
	}
}

func TestAPipeIsWrittenToAndNeverRotated(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe := must(os.OpenFile(path, os.O_RDWR, 0))(t)
	t.Cleanup(func() { _ = pipe.Close() })
	f := notify.NewFile(path, 10, 2)
	defer f.Close()
	lines := bufio.NewScanner(pipe)
	for _, want := range []string{"aaaaaaaa", "bbbbbbbb", "cccccccc"} {
		if err := f.Write(want); err != nil {
			t.Fatal(err)
		}
		if !lines.Scan() || lines.Text() != want {
			t.Errorf("got %q, want %q", lines.Text(), want)
		}
	}
	if files := must(filepath.Glob(path + "*"))(t); len(files) != 1 {
		t.Errorf("there are %v", files)
	}
}

func TestTheAuthorityOfAFileIsTrusted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var asked atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(server.Close)
	authority := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(authority, block, 0o600); err != nil {
		t.Fatal(err)
	}
	with, without := hook("with", server.URL), hook("without", server.URL)
	with.CAFile, without.MaxAttempts = authority, 1
	w.run(notify.Options{Sinks: []config.Sink{with, without}})
	w.begun("webhook.with", "webhook.without")
	w.happen(0, 0)
	w.settled("webhook.with")
	w.settled("webhook.without")
	letters := must(w.DeadLetters(t.Context(), store.DeadLetterFilter{}, 0, 10))(t)
	if asked.Load() != 1 || len(letters) != 1 || letters[0].Sink != "webhook.without" {
		t.Errorf("asked %d times, letters %+v", asked.Load(), letters)
	}
}

func TestManyLettersAreReplayedAFewAtATimeBesideEverythingElse(t *testing.T) {
	t.Parallel()
	const letters, left = 350, 120 // more than may be under way, by their size and by their number
	w := newWorld(t)
	var shut atomic.Bool
	shut.Store(true)
	r := newReceiver(t, func(_ http.ResponseWriter, d *delivery) int {
		if d.Serial != "" && shut.Load() {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	})
	w.run(notify.Options{Sinks: []config.Sink{hook("a", r.server.URL)}})
	w.begun("webhook.a")
	machine := w.machine("S")
	w.exec(`INSERT INTO dead_letter (sink, event_id, type, machine, serial_number, happened_at, attempts, last_error, event)
		SELECT 'webhook.a', gen_random_uuid() || ':0', 'osquery_request', $1, 'S', now(), 1, 'e', '{"n":1}' FROM generate_series(1, $2::int)`, machine, letters)
	w.exec(`UPDATE dead_letter SET event = format('{"n":1,"rest":"%s","_zentral":{"id":"%s","index":0,"machine_serial_number":"S"}}', repeat('x', 110000), split_part(event_id, ':', 1))::json`)
	must(w.ReplayDeadLetters(t.Context(), "webhook.a"))(t)
	w.until("none is replayed", func() bool { return len(r.attempts()) > 0 })
	w.happen(0, 0)
	w.settled("webhook.a")
	w.exec(`DELETE FROM dead_letter WHERE id > (SELECT min(id) FROM dead_letter) + $1 - 1`, left)
	shut.Store(false)
	w.until("letters are left", func() bool {
		return len(must(w.DeadLetters(t.Context(), store.DeadLetterFilter{}, 0, 1))(t)) == 0
	})
	if got := distinctIDs(r.taken()); got != left+1 {
		t.Errorf("%d were taken, want %d", got, left+1)
	}
}
