// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// live is a client of the stream over a connection.
type live struct {
	t     *testing.T
	lines *bufio.Scanner
	close func()
	last  string // id
}

// listen connects to the stream of a server. Nothing here waits for longer than the test may last.
func (w *world) listen(url, token, query string, header ...string) *live {
	w.T.Helper()
	return w.listenWith(http.DefaultClient, url, token, query, header...)
}

func (w *world) listenWith(client *http.Client, url, token, query string, header ...string) *live {
	w.T.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.T.Context()), time.Minute)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/v1/events/stream?"+query, nil)
	if err != nil {
		w.T.Fatal(err)
	}
	req.Header.Set("Authorization", "Token "+token)
	req.Header.Set("Accept-Encoding", "gzip")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	answer, err := client.Do(req) //nolint:bodyclose // live closes it
	if err != nil {
		w.T.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" || answer.Header.Get("Content-Encoding") != "" {
		w.T.Fatalf("got %d %v", answer.StatusCode, answer.Header)
	}
	l := &live{t: w.T.(*testing.T), lines: bufio.NewScanner(answer.Body), close: func() { cancel(); _ = answer.Body.Close() }}
	l.lines.Buffer(nil, 1<<20)
	w.T.Cleanup(l.close)
	return l
}

// next returns the next event as outline does, "" when the stream has ended.
func (l *live) next() string {
	l.t.Helper()
	name := ""
	for l.lines.Scan() {
		field, value, _ := strings.Cut(l.lines.Text(), ": ")
		switch field {
		case "id":
			l.last = value
		case "event":
			name = value
		case "data":
			var e map[string]any
			if err := json.Unmarshal([]byte(value), &e); err != nil {
				l.t.Fatal(err)
			}
			got := outline([]map[string]any{e})[0]
			if !strings.HasPrefix(got, name) {
				l.t.Errorf("event %s has data of %s", name, got)
			}
			return got
		}
	}
	return ""
}

func (l *live) want(events ...string) {
	l.t.Helper()
	for _, want := range events {
		if got := l.next(); got != want {
			l.t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func (w *world) serve() string {
	server := httptest.NewServer(w.Mux)
	w.T.Cleanup(server.Close)
	w.T.Cleanup(w.Doors.Stop) // before the server waits for its streams
	return server.URL
}

func TestStreamsTellWhatHappens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rename("BEFORE", "before")
	w.Settle()
	url := w.serve()
	all := w.listen(url, w.Tokens[auth.Admin], "")
	machines := w.listen(url, w.Tokens[auth.Viewer], "type=add_machine")
	again := w.listen(url, w.Tokens[auth.Viewer], "from=oldest&type=add_machine&type=add_machine_system_info")
	again.want("add_machine BEFORE")
	w.rename("S1", "one")
	all.want("add_machine S1")
	machines.want("add_machine S1")
	again.want("add_machine S1")
	w.rename("S1", "two")
	all.want("add_machine_system_info S1")
	half := all.last
	all.want("remove_machine_system_info S1")
	again.want("add_machine_system_info S1")
	w.rename("S2", "other")
	machines.want("add_machine S2")
	back := w.listen(url, w.Tokens[auth.Admin], "", "Last-Event-ID", half)
	back.want("remove_machine_system_info S1", "add_machine S2")
	all.want("add_machine S2")
}

func TestStreamsTellOfMachinesInReach(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rename("IN", "in")
	w.tagMachine("IN", "blue")
	tag := w.Ask(http.MethodGet, "/api/v1/machines/IN/tags", nil).List("tags")[0]["id"].(float64)
	w.Settle()
	l := w.listen(w.serve(), w.TokenFor(apitest.Role{Tags: []int64{int64(tag)}}), "")
	w.rename("OUT", "out")
	w.tagMachine("OUT", "red")
	w.rename("IN", "new")
	l.want("add_machine_system_info IN", "remove_machine_system_info IN")
}

func TestStreamsEndWithTheirToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, err := w.Store.CreateAccount(t.Context(), store.Account{Kind: auth.ServiceAccount, Name: "short", Roles: []string{"viewer"}}, "")
	if err != nil {
		t.Fatal(err)
	}
	secret, end := auth.NewToken(auth.ServiceAccount), time.Now().Add(3*time.Second)
	n := store.NewToken{Principal: a.ID, Name: "short", Digest: auth.DigestOf(secret), ExpiresAt: &end}
	if _, err := w.Store.CreateToken(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	l := w.listen(w.serve(), secret, "")
	if got := l.next(); got != "" || time.Now().Before(end) {
		t.Errorf("got %q, and the token has %s left", got, time.Until(end))
	}
}

func TestStreamsEndWhenTheAggregatorStops(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url := w.serve()
	streams := []*live{w.listen(url, w.Tokens[auth.Viewer], ""), w.listen(url, w.Tokens[auth.Viewer], "type=machine_tag")}
	w.Doors.Stop()
	for _, l := range streams {
		if got := l.next(); got != "" {
			t.Errorf("got %q", got)
		}
	}
}

func TestTooManyStreamsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url := w.serve()
	const most = 64
	for range most {
		w.listen(url, w.Tokens[auth.Viewer], "type=machine_tag")
	}
	w.Ask(http.MethodGet, "/api/v1/events/stream", nil).Want(http.StatusServiceUnavailable)
	w.Ask(http.MethodGet, "/api/v1/events", nil).Want(http.StatusOK)
}

func TestStreamsRefuseWhatTheListRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, query := range []string{"type=nothing", "cursor=x", "from=then", "expression=%5B"} {
		w.Ask(http.MethodGet, "/api/v1/events/stream?"+query, nil).Want(http.StatusBadRequest)
	}
	first := w.Ask(http.MethodGet, "/api/v1/events/stream?from=now", nil).Want(http.StatusOK)
	if !slices.Contains(strings.Split(string(first.Body), "\n"), ": alive") {
		t.Errorf("got %q", first.Body)
	}
	w.AskAs(w.TokenOfNobody(), http.MethodGet, "/api/v1/events/stream", nil).Want(http.StatusForbidden)
}
