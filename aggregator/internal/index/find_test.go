// SPDX-License-Identifier: Apache-2.0

//go:build unix

package index

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/filter"
)

// searchable commits a fleet in which every field of the language differs somewhere; nobody was seen after a moment.
func (a *aggregator) searchable(random *rand.Rand, now time.Time) {
	a.t.Helper()
	pick := func(texts ...string) string { return texts[random.IntN(len(texts))] }
	for n := range 40 {
		for _, source := range []string{"alpha", "beta"} {
			if source == "beta" && n%3 > 0 {
				continue
			}
			r := report{
				serial: fmt.Sprintf("M-%02d", n), source: source, unit: pick("Sales", "Berlin", ""), at: now.AddDate(0, 0, -random.IntN(90)), platform: pick("LINUX", "MACOS", ""), kind: pick("VM", "SERVER"),
				sections: map[string][]string{
					"system_info": {fmt.Sprintf(`{"computer_name":%q,"hardware_model":%q}`, fmt.Sprintf("Host %d", random.IntN(20)), pick("Model A", "model b"))},
				},
			}
			if n%4 == 0 {
				r.sections["principal_user"] = []string{fmt.Sprintf(`{"principal_name":%q,"source":{"type":"INVENTORY"},"unique_id":"u-%d"}`, pick("Ann", "bob@x"), n)}
			}
			if n%2 == 0 { // whose platform it tells
				r.sections["os_version"] = []string{fmt.Sprintf(`{"major":%d,"name":"Debian GNU/Linux"}`, 11+random.IntN(2))}
			}
			if n%3 == 0 {
				r.sections["groups"] = []string{fmt.Sprintf(`{"name":%q,"reference":"g"}`, pick("Lab", "labels"))}
			}
			for range random.IntN(4) {
				body := deb(pick("openssl", "bash", "Zsh"), pick("1.9", "1.10", "2.0~rc1", "what?"))
				if !slices.Contains(r.sections["deb_packages"], body) {
					r.sections["deb_packages"] = append(r.sections["deb_packages"], body)
				}
			}
			if n%4 > 0 {
				r.sections["python_packages"] = []string{deb(pick("openssl", "rich"), pick("1.9", "1.10"))}
			}
			a.mustPush(r)
		}
	}
	// One whose bad result is of a source that is archived later.
	at := now.AddDate(0, 0, -1)
	a.mustPush(report{serial: "M-99", source: "alpha", platform: "MACOS", sections: map[string][]string{"python_packages": {deb("rich", "1")}}, at: at})
	a.mustPush(report{serial: "M-99", source: "beta", platform: "LINUX", sections: debs(deb("bash", "1")), at: at})
}

// TestFiltersFindWhatTheTreesSay holds the index against an evaluation over every tree of the store.
func TestFiltersFindWhatTheTreesSay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.aggregator()
	random := rand.New(rand.NewPCG(7, 8))
	now := time.Now().UTC().Truncate(time.Second)
	a.searchable(random, now)
	a.checked()
	w.exec(`INSERT INTO taxonomy (name) VALUES ('Sites')`)
	w.exec(`INSERT INTO tag (name, taxonomy) SELECT t.name, x.id FROM (VALUES ('Berlin', true), ('Data base', false), ('lonely', true)) t(name, of)
		LEFT JOIN taxonomy x ON t.of`)
	w.exec(`INSERT INTO machine_tag (machine, tag) SELECT m.id, t.id FROM machine m, tag t WHERE m.id % 4 = t.id % 4`)
	w.exec(`UPDATE head SET archived_at = now() WHERE machine <= 40 AND (machine % 7 = 0 OR id % 5 = 0)
		OR machine > 40 AND source = (SELECT id FROM source WHERE name = 'beta')`)
	w.exec(`INSERT INTO waiver (check_id, machine, owner, reason, expires_at)
		SELECT check_id, machine, 'o', 'r', now() + (CASE machine % 3 WHEN 0 THEN -1 ELSE 1 END) * interval '1 day'
		FROM check_status WHERE machine % 2 = 0`)
	w.exec(`UPDATE machine_compliance c SET status = (SELECT max(CASE WHEN s.machine % 2 = 0 AND s.machine % 3 > 0 THEN 0 ELSE s.status END)
		FROM check_status s JOIN head h ON h.id = s.head AND h.archived_at IS NULL WHERE s.machine = c.machine)`)
	w.exec(`UPDATE meta_business_unit SET name = 'All of ' || id WHERE id IN (SELECT meta_business_unit FROM business_unit)`)
	a.Forget()
	a.rebuild(t.Context())
	names := a.names()
	machines := a.naively(names, now)
	words := []string{
		"host 1", "m-1", `"host 1*2"`, "serial_number:M-0*", `computer_name:"HOST 7"`, "platform:linux", `platform:""`, "type!=VM",
		`os_version:"*12"`, `hardware_model:"Model B"`, "source:beta", "tag:berlin", `tag:"data *"`, "taxonomy:sites", "principal_user:ann",
		"principal_user:*", "software.kind:deb_packages", "software.name:openssl", "software.name!=bash", "software.version<1.10",
		"business_unit:sales", `business_unit:"ref of B*"`, `business_unit:"all of *"`, "group:lab", "group:LAB*", "check:*", "check:early = FAILED",
		"check:other!=FAILED", "check:early = UNKNOWN", "status:OK", "status:failed", "status!=UNKNOWN", "last_seen<30d", "last_seen>=60d",
		"last_seen>" + now.AddDate(0, 0, -20).Format(time.RFC3339), "last_seen<=" + now.AddDate(0, 0, -45).Format(time.RFC3339),
		"software.version>=1.10", "software.version:1.9", "software.version!=1.9", "software.name:Z*", "software.version<=2.0",
	}
	found := 0
	for i := range 800 {
		alone := i < len(words)
		text, more := words[i%len(words)], random.IntN(4)
		for range more {
			if alone {
				break
			}
			next := []string{"", "NOT ", "("}[random.IntN(3)] + words[random.IntN(len(words))]
			if strings.Contains(next, "(") {
				next += " OR " + words[random.IntN(len(words))] + ")"
			}
			text += []string{" AND ", " OR "}[random.IntN(2)] + next
		}
		f := must(filter.Parse(text))(t)
		scope := auth.Scope{}
		if !alone && random.IntN(3) == 0 {
			scope = auth.TaggedWith(1, 2)
		}
		var want []string
		for _, n := range machines {
			if scope.Covers(n.tags) && n.holds(f) {
				want = append(want, n.machine.SerialNumber)
			}
		}
		page := must(a.Find(Question{Filter: f, Names: names, Now: now, Scope: scope, Limit: 1000}))(t)
		var got []string
		for _, m := range page.Machines {
			got = append(got, m.SerialNumber)
		}
		if !slices.Equal(got, want) || page.Total != len(want) {
			t.Errorf("%s in %v: got %v of %d, want %v", text, scope, got, page.Total, want)
		}
		switch {
		case len(want) > 0 && len(want) < len(machines):
			found++
		case alone:
			t.Errorf("%s: true of %d of %d machines, which proves nothing", text, len(want), len(machines))
		}
	}
	if found < 100 {
		t.Errorf("only %d filters told machines apart", found)
	}
}
