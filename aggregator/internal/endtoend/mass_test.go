// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

const (
	// massClients are those that send at once, massMachines the machines that all of them are about.
	massClients  = 200
	massMachines = 60
	// massRounds is how many requests each client sends in make test.
	massRounds = 6
)

// TestManyClientsChangeTheSameMachines mixes tags, archives, prunes and reports of 200 clients. Nothing deadlocks or
// fails, what was answered adds up to what is stored, and the audit log has all of it.
func TestManyClientsChangeTheSameMachines(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: starts an aggregator for 200 clients")
	}
	t.Parallel()
	massOperations(t, func(round int, _ time.Time) bool { return round < massRounds })
}

// massOperations lets the clients send while there is more to do.
func massOperations(t *testing.T, more func(round int, begin time.Time) bool) {
	t.Helper()
	dsn := storetest.DSN(t)
	s := startSite(&site{t: t, dir: storetest.Dir(t), database: dsn})
	token := s.must("token", "create", "--name", "mass", "--role", "admin")
	seed := seedOf(t)
	var clients []*massClient
	var group sync.WaitGroup
	begin := time.Now()
	for i := range massClients {
		c := &massClient{t: t, url: s.url, token: token, random: rand.New(rand.NewPCG(seed, uint64(i)))}
		clients = append(clients, c)
		group.Go(func() {
			for round := 0; more(round, begin) && !t.Failed(); round++ {
				c.send()
			}
		})
	}
	group.Wait()
	var all massCount
	for _, c := range clients {
		all.add(&c.massCount)
	}
	t.Logf("%d clients in %s: %+v", massClients, time.Since(begin).Round(time.Millisecond), all)
	db, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	all.holdAgainst(t, db)
	if out, err := s.run("fsck"); err != nil {
		t.Errorf("fsck: %v\n%s", err, out)
	}
}

// massCount is what the answers of a client add up to.
type massCount struct {
	Reports, Refused                        int64 // 409: too many others at the same machine
	Added, Removed                          int64
	Archived                                int64
	PrunedHeads, PrunedCommits, PrunedRoots int64
}

func (m *massCount) add(o *massCount) {
	m.Reports, m.Refused = m.Reports+o.Reports, m.Refused+o.Refused
	m.Added, m.Removed = m.Added+o.Added, m.Removed+o.Removed
	m.Archived += o.Archived
	m.PrunedHeads, m.PrunedCommits = m.PrunedHeads+o.PrunedHeads, m.PrunedCommits+o.PrunedCommits
	m.PrunedRoots += o.PrunedRoots
}

// holdAgainst compares what was answered with what is stored.
func (m *massCount) holdAgainst(t *testing.T, db *pgx.Conn) {
	t.Helper()
	const tagsSQL = `
SELECT coalesce(sum((SELECT count(*) FROM json_array_elements_text(after->'tags') n WHERE n NOT IN (SELECT json_array_elements_text(before->'tags')))), 0),
       coalesce(sum((SELECT count(*) FROM json_array_elements_text(before->'tags') n WHERE n NOT IN (SELECT json_array_elements_text(after->'tags')))), 0)
FROM audit WHERE action = 'tagged'`
	const sumSQL = `SELECT coalesce(sum((before->>$2)::bigint), 0) FROM audit WHERE action = $1`
	one := func(sql string, args ...any) (n int64) {
		t.Helper()
		if err := db.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	var added, removed int64
	if err := db.QueryRow(t.Context(), tagsSQL).Scan(&added, &removed); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what           string
		answered, have int64
	}{
		{"tags added, in the audit log", m.Added, added},
		{"tags removed, in the audit log", m.Removed, removed},
		{"tags that machines have", m.Added - m.Removed, one("SELECT count(*) FROM machine_tag")},
		{"archived, in the audit log", m.Archived, one(sumSQL, "archived", "current_machine_snapshots")},
		{"pruned heads, in the audit log", m.PrunedHeads, one(sumSQL, "pruned", "current_machine_snapshots")},
		{"pruned commits, in the audit log", m.PrunedCommits, one(sumSQL, "pruned", "machine_snapshot_commits")},
		{"pruned snapshots, in the audit log", m.PrunedRoots, one(sumSQL, "pruned", "machine_snapshots")},
		{"pruned heads, in the journal", m.PrunedHeads, one("SELECT count(*) FROM journal WHERE what = 'prune'")},
		{"archived heads, in the journal", m.Archived, one("SELECT count(*) FROM journal WHERE what = 'archive'")},
		{"reports, pruned or there", m.Reports, m.PrunedCommits + one("SELECT coalesce(sum(commits), 0) FROM head")},
	} {
		if c.answered != c.have {
			t.Errorf("%s: %d were answered, %d are stored", c.what, c.answered, c.have)
		}
	}
}

// massClient sends requests one after the other.
type massClient struct {
	massCount

	t          *testing.T
	url, token string
	random     *rand.Rand
}

// send sends one request, most of them reports.
func (c *massClient) send() {
	switch n := c.random.IntN(10); {
	case n < 4:
		c.report()
	case n < 7:
		c.tag()
	case n < 9:
		var answer struct {
			Heads int64 `json:"current_machine_snapshots"`
		}
		c.post("/api/inventory/machines/archive/", map[string]any{"serial_numbers": c.serials(5)}, &answer)
		c.Archived += answer.Heads
	default:
		var answer struct {
			Heads   int64 `json:"current_machine_snapshots"`
			Commits int64 `json:"machine_snapshot_commits"`
			Roots   int64 `json:"machine_snapshots"`
		}
		c.post("/api/v1/machines/prune", map[string]any{"serial_numbers": c.serials(5)}, &answer)
		c.PrunedHeads, c.PrunedCommits, c.PrunedRoots = c.PrunedHeads+answer.Heads, c.PrunedCommits+answer.Commits, c.PrunedRoots+answer.Roots
	}
}

// report submits a snapshot, half of them what is there already.
func (c *massClient) report() {
	tree := map[string]any{
		"serial_number": c.serials(1)[0], "source": map[string]any{"module": "test", "name": fmt.Sprint("source", c.random.IntN(2))},
		"system_info": map[string]any{"computer_name": fmt.Sprint("name", c.random.IntN(2))},
	}
	if c.post("/api/v1/snapshots", tree, nil) {
		c.Reports++
	}
}

// tag runs operations none of which undoes another of the same request.
func (c *massClient) tag() {
	var answer struct {
		Tags struct {
			Added   int64 `json:"added"`
			Removed int64 `json:"removed"`
		} `json:"tags"`
	}
	added := c.random.IntN(10)
	removed := (added + 1 + c.random.IntN(9)) % 10 // another one
	c.post("/api/inventory/machines/tags/", map[string]any{"serial_numbers": c.serials(20), "operations": []any{
		map[string]any{"kind": "SET", "taxonomy": "Department", "names": []string{fmt.Sprint("d", c.random.IntN(5))}},
		map[string]any{"kind": "ADD", "taxonomy": "Site", "names": []string{fmt.Sprint("s", added)}},
		map[string]any{"kind": "REMOVE", "names": []string{fmt.Sprint("s", removed), "never"}},
		map[string]any{"kind": "ADD", "names": []string{fmt.Sprint("x", c.random.IntN(5))}},
	}}, &answer)
	c.Added, c.Removed = c.Added+answer.Tags.Added, c.Removed+answer.Tags.Removed
}

func (c *massClient) serials(n int) []string {
	serials := make([]string, n)
	for i := range serials {
		serials[i] = fmt.Sprint("S", c.random.IntN(massMachines))
	}
	return serials
}

// post sends JSON; false when it was refused because of too many others.
func (c *massClient) post(path string, body, answer any) bool {
	raw, err := json.Marshal(body)
	if err != nil {
		c.t.Error(err)
		return false
	}
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, c.url+path, bytes.NewReader(raw))
	if err != nil {
		c.t.Error(err)
		return false
	}
	request.Header.Set("Authorization", "Token "+c.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Error(err)
		return false
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		c.t.Error(err)
	case response.StatusCode == http.StatusConflict:
		c.Refused++
	case response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated:
		c.t.Errorf("POST %s: %s: %s", path, response.Status, strings.TrimSpace(string(got)))
	case answer != nil:
		if err := json.Unmarshal(got, answer); err != nil {
			c.t.Errorf("POST %s: %v: %s", path, err, got)
		}
		return true
	default:
		return true
	}
	return false
}
