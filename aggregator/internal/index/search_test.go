// SPDX-License-Identifier: Apache-2.0

package index

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// searched returns a fleet whose names are alike, and software that nobody has among them.
func searched(random *rand.Rand) *state {
	s := newState()
	part := func() string { return []string{"lib", "ssl", "open", "py", "x", "ümlaut"}[random.IntN(6)] }
	id := int64(0)
	for n := range 300 {
		u := update{IndexHead: store.IndexHead{
			ID: int64(n + 1), Machine: int64(n + 1), Serial: fmt.Sprintf("S%d-%s", n, part()), Whole: true,
			Summary: store.Summary{ComputerName: part() + "-" + part()},
		}}
		for range 3 {
			id++
			s.catalog.put(store.IndexAsset{ID: id, Kind: "deb_packages", Name: part() + part() + fmt.Sprint(random.IntN(90)), Version: "1"})
			if random.IntN(2) == 0 {
				u.ids = append(u.ids, id)
			}
		}
		h := New(nil, Options{}).set(s, &u)
		s.catalog.update(h.ordinal, &u)
		s.attach(h.machine)
	}
	s.sort()
	s.catalog.sort()
	return s
}

// slowScore is trigrams.score by the book.
func slowScore(question, text string) float64 {
	all := slices.Compact(slices.Sorted(slices.Values(appendTrigrams(nil, question))))
	of := appendTrigrams(nil, text)
	hits := 0
	for _, t := range all {
		if slices.Contains(of, t) {
			hits++
		}
	}
	score := (2*float64(hits)/float64(len(all)) + float64(hits)/float64(len(all)+len(of)-hits)) / 3
	switch {
	case text == question:
		return 1
	case strings.Contains(text, question):
		score = 0.8 + score/10
	}
	return min(score, 0.99)
}

func TestSearchFindsTheBestOfAll(t *testing.T) {
	t.Parallel()
	s := searched(rand.New(rand.NewPCG(1, 2)))
	visible := s.headsIn(Search{}.Scope)
	for _, question := range []string{"openssl", "opensll", "s", "py", "x-lib", "lib ssl", "ümlautx1", "s12", "nothing alike"} {
		var all []candidate
		for _, m := range s.bySerial {
			c := candidate{score: slowScore(question, m.lowerSerial), text: m.serial, machine: m}
			if score := slowScore(question, m.lowerNames); score > c.score {
				c.score, c.text = score, m.computerName
			}
			all = append(all, c)
		}
		for _, n := range s.catalog.kinds["deb_packages"].names {
			if n.machines(visible) > 0 {
				all = append(all, candidate{score: slowScore(question, n.lower), text: n.text, kind: s.catalog.kinds["deb_packages"], name: n})
			}
		}
		all = slices.DeleteFunc(all, func(c candidate) bool { return c.score < similarEnough })
		slices.SortFunc(all, compareCandidates)
		for _, limit := range []int{1, 20, 5000} {
			want := s.hits(all[:min(limit, len(all))], visible)
			if got := s.search(Search{Text: question, Limit: limit, Machines: true, Software: true}); !reflect.DeepEqual(got, want) {
				t.Errorf("%q, %d at most:\n got %v\nwant %v", question, limit, got, want)
			}
		}
		if question != "nothing alike" && len(all) < 25 {
			t.Errorf("%q: only %d are alike", question, len(all))
		}
	}
}

func TestPrincipalUsersAreCountedOnceForEachMachine(t *testing.T) {
	t.Parallel()
	x := New(nil, Options{})
	s := newState()
	for n, heads := range [][]string{{"ann", "ann"}, {"ann", "bob"}, {"bob", "-ann"}, {"cid"}, {""}} { // by machine; - is archived
		for i, name := range heads {
			u := update{IndexHead: store.IndexHead{ID: int64(10*n + i + 1), Machine: int64(n + 1), Serial: fmt.Sprint(n)}}
			u.User.PrincipalName, u.Archived = strings.CutPrefix(name, "-")
			x.set(s, &u)
		}
		s.attach(s.machines[int64(n+1)])
	}
	x.state = s
	var got []string
	var after store.PrincipalUser
	for {
		page, err := x.Users(Search{}.Scope, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page {
			got = append(got, fmt.Sprint(c.User.PrincipalName, c.Machines))
			after = c.User
		}
		if len(page) < 2 {
			break
		}
	}
	if want := []string{"ann2", "bob2", "cid1"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
