// SPDX-License-Identifier: Apache-2.0

package apitest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/apitest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
)

// pair is the same fleet twice, once without the machines outside, and the same person in both.
type pair struct {
	t               *testing.T
	whole, part     *fleet
	wholeAs, partAs string
	asked           int
}

func newPair(t *testing.T, whom func(*fleet) string) *pair {
	t.Helper()
	p := &pair{t: t, whole: newFleet(t, true), part: newFleet(t, false)}
	p.wholeAs, p.partAs = whom(p.whole), whom(p.part)
	return p
}

// questions asks both fleets the same of the chosen routes.
func (p *pair) questions(chosen func(api.Route) bool) (whole, part []question) {
	for _, route := range p.whole.Doors.Routes {
		if chosen(route) {
			whole, part = append(whole, p.whole.questions(route)...), append(part, p.part.questions(route)...)
		}
	}
	return whole, part
}

// atOnce is how many questions are asked before the tasks that they begin are awaited.
const atOnce = 100

// each asks the same of both fleets as two people, and calls fn with the answers.
func (p *pair) each(wholeAs, partAs string, whole, part []question, fn func(q question, got, want string)) {
	p.t.Helper()
	for len(whole) > 0 {
		n := min(atOnce, len(whole))
		got, want := p.whole.answers(wholeAs, whole[:n]), p.part.answers(partAs, part[:n])
		for i := range got {
			fn(whole[i], got[i], want[i])
		}
		whole, part = whole[n:], part[n:]
	}
}

// compare asks the same of both fleets: there must be nothing by which the answers can be told apart.
func (p *pair) compare(whole, part []question) {
	p.t.Helper()
	p.each(p.wholeAs, p.partAs, whole, part, func(q question, got, want string) {
		p.t.Helper()
		p.asked++
		if got != want {
			p.t.Errorf("%s\nwith machines outside:    %s\nwithout machines outside: %s", q, cutBehind(got, want), cutBehind(want, got))
		}
	})
}

// sharpen asks as an admin: what tells of machines has to tell the fleets apart, or comparing its answers shows nothing.
func (p *pair) sharpen() {
	p.t.Helper()
	tells := func(r api.Route) bool {
		return r.Reach == api.Scoped && !isMass(r.Pattern) && !strings.Contains(r.Pattern, "/task") && r.Pattern != "DELETE /api/v1/waivers/{id}"
	}
	differs := map[string]bool{}
	whole, part := p.questions(tells)
	whole, part = first(whole), first(part)
	p.each(p.whole.Tokens[auth.Admin], p.part.Tokens[auth.Admin], whole, part, func(q question, got, want string) {
		differs[q.pattern] = differs[q.pattern] || got != want
	})
	for pattern, ok := range differs {
		if !ok {
			p.t.Errorf("%s: no question tells of a machine outside, not even to an admin", pattern)
		}
	}
	p.level()
}

// level gives both fleets the same ids from here on: how many waivers there are is no secret.
func (p *pair) level() {
	p.t.Helper()
	for _, f := range []*fleet{p.whole, p.part} {
		if _, err := f.Pool.Exec(p.t.Context(), `SELECT setval(pg_get_serial_sequence('waiver', 'id'), 100)`); err != nil {
			p.t.Fatal(err)
		}
	}
}

// first leaves out all but the first questions to a route that begin tasks: what tells of machines does so there.
func first(questions []question) []question {
	const most = 3
	asked := map[string]int{}
	return slices.DeleteFunc(questions, func(q question) bool {
		asked[q.pattern]++
		return q.method == http.MethodPost && asked[q.pattern] > most
	})
}

// reads tells whether a route changes nothing.
func reads(route api.Route) bool {
	method, _, _ := strings.Cut(route.Pattern, " ")
	return method == http.MethodGet || method == http.MethodOptions
}

// answers asks until the last page of a list, or for the file of a task, and spells all that came back but for what is
// another one each time.
func (f *fleet) answers(token string, questions []question) []string {
	f.t.Helper()
	all := make([]string, len(questions))
	tasks := make([]string, len(questions))
	for i, q := range questions {
		if strings.HasPrefix(q.path, "/api/v1/events") {
			f.Settle()
		}
		a := f.ask(token, q)
		if tasks[i] = taskOf(a); tasks[i] == "" { // else it may say how far the task is
			all[i] = spell(a) + f.pages(token, q, a)
		}
	}
	for i, id := range tasks {
		if id == "" {
			continue
		}
		f.Await(id)
		for _, path := range []string{"/api/v1/tasks/%s", "/api/task_result/%s/", "/api/v1/tasks/%s/download", "/api/task_result/%s/download/"} {
			all[i] += spell(f.ask(token, question{"", http.MethodGet, fmt.Sprintf(path, id), ""}))
		}
	}
	return all
}

// pages spells what comes behind the first page of a list.
func (f *fleet) pages(token string, q question, a apitest.Answer) string {
	f.t.Helper()
	const most = 50
	var all strings.Builder
	last := ""
	for range most {
		next := cursorOf(a)
		if next == "" || next == last || q.method != http.MethodGet { // that of events stays where nothing comes any more
			break
		}
		last = next
		joint := "?"
		if strings.Contains(q.path, "?") {
			joint = "&"
		}
		a = f.ask(token, question{"", q.method, q.path + joint + "cursor=" + next, ""})
		all.WriteString(spell(a))
	}
	return all.String()
}

func (f *fleet) ask(token string, q question) apitest.Answer {
	f.t.Helper()
	var body any
	if q.body != "" {
		body = q.body
	}
	a := f.AskAs(token, q.method, q.path, body)
	if a.Status >= http.StatusInternalServerError {
		f.t.Errorf("%s: %d %s", q, a.Status, a.Body)
	}
	return a
}

// cutBehind returns a text from a little before where it differs from another one.
func cutBehind(text, other string) string {
	const before, after = 200, 400
	i := 0
	for i < min(len(text), len(other)) && text[i] == other[i] {
		i++
	}
	from, to := max(i-before, 0), min(i+after, len(text))
	return fmt.Sprintf("%q", text[from:max(from, to)])
}
