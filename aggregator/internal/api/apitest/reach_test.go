// SPDX-License-Identifier: Apache-2.0

package apitest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
)

// TestMachinesOutsideAreAsIfTheyWereNot compares all that somebody can ask who may not see them.
func TestMachinesOutsideAreAsIfTheyWereNot(t *testing.T) {
	t.Parallel()
	p := newPair(t, (*fleet).scoped)
	p.sharpen()
	hidden := p.whole.unseen()
	p.compare(p.questions(reads))
	p.compare(p.questions(func(r api.Route) bool { return !reads(r) && !isMass(r.Pattern) }))
	p.compare(massQuestions(), massQuestions())
	p.compare(p.questions(reads))
	if after := p.whole.unseen(); after != hidden {
		t.Errorf("machines outside were changed: %s\nwant %s", cutBehind(after, hidden), cutBehind(hidden, after))
	}
	if p.asked < enough {
		t.Errorf("only %d questions", p.asked)
	}
}

// TestSeeingObjectsEverywhereShowsNoMachines asks as somebody who is limited in some permissions only.
func TestSeeingObjectsEverywhereShowsNoMachines(t *testing.T) {
	t.Parallel()
	p := newPair(t, (*fleet).mixed)
	p.compare(p.questions(reads))
	if p.asked < enough {
		t.Errorf("only %d questions", p.asked)
	}
}

// enough questions are asked when the route table and the lists of questions are read at all.
const enough = 400

// unseen is what an admin sees of the machines outside, and what was noted about them.
func (f *fleet) unseen() string {
	f.t.Helper()
	var all strings.Builder
	for _, serial := range outside {
		for _, path := range []string{"", "/snapshot?source=door", "/changes?source=door", "/statuses", "/tags"} {
			all.Write(f.Ask(http.MethodGet, "/api/v1/machines/"+serial+path, nil).Want(http.StatusOK).Body)
		}
	}
	for _, serial := range append([]string{"nobody"}, outside...) {
		var noted int
		if err := f.Pool.QueryRow(f.t.Context(), `SELECT count(*) FROM audit WHERE object_name = $1`, serial).Scan(&noted); err != nil {
			f.t.Fatal(err)
		}
		fmt.Fprintln(&all, serial, noted)
	}
	return all.String()
}

// TestWhatHappensOutsideIsNotSeen asks before and after machines outside changed: not even an ETag may be another one.
func TestWhatHappensOutsideIsNotSeen(t *testing.T) {
	t.Parallel()
	f := newFleet(t, true)
	token := f.scoped()
	all := func() map[string]string {
		f.Settle()
		found := map[string]string{}
		for _, route := range f.Doors.Routes {
			if !reads(route) || route.Reach != api.Scoped {
				continue
			}
			for _, q := range f.questions(route) {
				a := f.AskAs(token, q.method, q.path, nil)
				found[q.String()] = fmt.Sprint(a.Status, a.Header.Get("ETag"), "\n", mask(string(a.Body)))
			}
		}
		return found
	}
	before := all()
	f.report(outside[1], "door", machineOf("other", "WINDOWS", "1.0-1"))
	f.report("M-1.5", "door", machineOutside(0))
	f.tag(outside[2:3], "floor out")
	f.Ask(http.MethodPost, "/api/v1/machines/archive", map[string]any{"serial_numbers": outside[:1]}).Want(http.StatusOK)
	f.Ask(http.MethodPost, "/api/v1/machines/prune", map[string]any{"serial_numbers": outside[2:3]}).Want(http.StatusOK)
	after := all()
	tagged := 0
	for q, answer := range before {
		if after[q] != answer {
			t.Errorf("%s\nbefore: %s\nafter:  %s", q, cutBehind(answer, after[q]), cutBehind(after[q], answer))
		}
		if strings.Contains(answer, `"`) {
			tagged++
		}
	}
	if tagged < 100 {
		t.Errorf("only %d answers with an ETag", tagged)
	}
}
