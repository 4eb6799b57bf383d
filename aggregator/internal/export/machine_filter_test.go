// SPDX-License-Identifier: Apache-2.0

package export_test

import (
	"encoding/json"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/export"
)

// active returns the facets of a list, with sources in front of it.
func active(tokens ...string) []export.Facet {
	facets := []export.Facet{{Token: "src", Counted: true}}
	for _, token := range tokens {
		facets = append(facets, export.Facet{Token: token, Counted: true})
	}
	return facets
}

// picked returns the facets with a value picked from one of them, which is added when it is not there.
func picked(facets []export.Facet, token, value string) []export.Facet {
	for i := range facets {
		if facets[i].Token == token {
			facets[i].Picked = &value
			return facets
		}
	}
	return append(facets, export.Facet{Token: token, Picked: &value})
}

func TestQueryOfTheInventoryIsRead(t *testing.T) {
	t.Parallel()
	usual := func() []export.Facet { return active("mbu", "t", "mis", "tp", "pf", "hm", "osv") }
	tests := []struct {
		query string
		want  export.MachineFilter
	}{
		{"", export.MachineFilter{Facets: usual()}},
		{"export_format=zip&page=3&o=sn&sn=&t=", export.MachineFilter{Facets: usual()}},
		{"sf=pf-tp-pf", export.MachineFilter{Facets: active("pf", "tp")}},
		{"sf=src-sn-cs-pu", export.MachineFilter{Facets: active("cs")}},
		{"src=3", export.MachineFilter{Facets: picked(usual(), "src", "3")}},
		{"mbu=12", export.MachineFilter{Facets: picked(usual(), "mbu", "12")}},
		{"mbu=%E2%90%80", export.MachineFilter{Facets: picked(usual(), "mbu", "␀")}},
		{"t=1&t1=2&sf=t-t1-t2", export.MachineFilter{Facets: picked(picked(active("t", "t1", "t2"), "t", "1"), "t1", "2")}},
		{"t1=2", export.MachineFilter{Facets: picked(usual(), "t1", "2")}},
		{"mis=200", export.MachineFilter{Facets: picked(usual(), "mis", "200")}},
		{"tp=SERVER", export.MachineFilter{Facets: picked(usual(), "tp", "SERVER")}},
		{"pf=LINUX&sf=mbu", export.MachineFilter{Facets: picked(active("mbu"), "pf", "LINUX")}},
		{"hm=Mac14,2", export.MachineFilter{Facets: picked(usual(), "hm", "Mac14,2")}},
		{"osv=0007", export.MachineFilter{Facets: picked(usual(), "osv", "7")}},
		{"sf=cs&cs=300", export.MachineFilter{Facets: picked(active("cs"), "cs", "300")}},
		{"sf=ccs.4-awsa-eit&ccs.4=0", export.MachineFilter{Facets: picked(active("ccs.4", "awsa", "eit"), "ccs.4", "0")}},
		{"sf=a.n.Firefox-a.i.org.mozilla.firefox-aa.Chrome", export.MachineFilter{Facets: active("a.n.Firefox", "a.i.org.mozilla.firefox", "aa.Chrome")}},
		{"sf=dp.libc-bin-ia.Mail-p.7-Zip-pf", export.MachineFilter{Facets: active("dp.libc-bin", "ia.Mail", "p.7-Zip", "pf")}},
		{"sf=dp.openssl&dp.openssl=3.0.2-0ubuntu1", export.MachineFilter{Facets: picked(active("dp.openssl"), "dp.openssl", "3.0.2-0ubuntu1")}},
		{"sf=pf&sn=C02&cn=mbp&pu=jane%40&ls=7d", export.MachineFilter{Facets: active("pf"), Serial: "C02", Name: "mbp", User: "jane@", Days: 7}},
		{"sf=pf&ma=0a:1b-2c.3D", export.MachineFilter{Facets: active("pf"), MAC: "0A1B2C3D"}},
	}
	for _, test := range tests {
		t.Run(test.query, func(t *testing.T) {
			t.Parallel()
			query, err := url.ParseQuery(test.query)
			if err != nil {
				t.Fatal(err)
			}
			got, err := export.ParseMachineFilter(query)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestBadQueryOfTheInventorySaysWhere(t *testing.T) {
	t.Parallel()
	tests := []struct{ query, want string }{
		{"sf=pf-nonsense", `sf: there is no filter "nonsense"`},
		{"sf=libc-bin", `sf: there is no filter "libc"`},
		{"sf=dp.", `sf: there is no filter "dp."`},
		{"sf=ccs.x", `sf: ccs.x: "x" is not the id of a check`},
		{"ccs.0=1", `ccs.0: "0" is not the id of a check`},
		{"src=munki", `src: "munki" is not a valid number`},
		{"t=-1", `t: "-1" is not a valid number`},
		{"t9=99999999999999999999", `t9: "99999999999999999999" is not a valid number`},
		{"cs=FAILED", `cs: "FAILED" is not a valid number`},
		{"pf=LINUX&pf=MACOS", "pf: given more than once"},
		{"sn=%FF", "sn: not valid text"},
		{"cn=a%00b", "cn: not valid text"},
		{"hm=" + strings.Repeat("x", 513), "hm: more than 512 bytes"},
		{"ls=week", `ls: "week" is not a number of days: write 7d`},
		{"ls=0d", "ls: at least 1d"},
		{"ma=xyz", `ma: "xyz" does not begin a MAC address`},
		{"ma=00:00:00:00:00:00:00", `ma: "00:00:00:00:00:00:00" does not begin a MAC address`},
	}
	for _, test := range tests {
		t.Run(test.query[:min(len(test.query), 30)], func(t *testing.T) {
			t.Parallel()
			query, err := url.ParseQuery(test.query)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := export.ParseMachineFilter(query); err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func FuzzMachineFilter(f *testing.F) {
	for _, seed := range []string{
		"", "sf=mbu-t-mis-tp-pf-hm-osv", "sf=dp.libc-bin-t1&t1=%E2%90%80", "a.n.Firefox=1.0&sf=a.n.Fire-fox", "ls=7d&ma=0a:1b&ccs.3=300",
		"sf=-&t=1&t=2", "sf=" + strings.Repeat("t-", 300),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		query, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		filter, err := export.ParseMachineFilter(query)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without a text")
			}
			return
		}
		if len(filter.Facets) == 0 || filter.Facets[0].Token != "src" || len(filter.Facets) > 33 {
			t.Errorf("%q has the facets %+v", raw, filter.Facets)
		}
		seen := map[string]bool{}
		for _, facet := range filter.Facets {
			if seen[facet.Token] {
				t.Errorf("%q has %s twice", raw, facet.Token)
			}
			seen[facet.Token] = true
		}
		kept, err := json.Marshal(filter)
		if err != nil {
			t.Fatal(err)
		}
		var again export.MachineFilter
		if err := json.Unmarshal(kept, &again); err != nil || !reflect.DeepEqual(filter, again) {
			t.Errorf("a task would keep %+v as %+v: %v", filter, again, err)
		}
	})
}
