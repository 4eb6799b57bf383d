// SPDX-License-Identifier: Apache-2.0

//go:build unix

package commit_test

import (
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/tree"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

func unit(name string) *inventoryv1.BusinessUnit {
	return &inventoryv1.BusinessUnit{
		Source:    &inventoryv1.Source{Module: proto.String("m"), Name: proto.String("n")},
		Reference: proto.String("r"), Name: proto.String(name),
	}
}

// keysOf are the aggregator's keys in a comparable form.
func keysOf(a commit.Added) string {
	return fmt.Sprintf("%s|%s|%s|%s|%s", a.Reference, a.PublicIP, a.Platform, a.Type, a.BusinessUnit.GetName())
}

func TestTheAggregatorsKeysHaveAHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.agent("S1")
	mac := facts{"os_version": {`{"name":"macOS"}`}, "system_info": {`{"hardware_model":"MacBookPro18,3"}`}}
	steps := []struct {
		name  string
		added commit.Added
		to    facts
		kinds []string
		want  string
	}{
		{"what the sections tell", commit.Added{PublicIP: "192.0.2.1"}, linux(), []string{"deb_packages", "disks", "os_version", "platform", "public_ip_address", "system_info"}, "|192.0.2.1|LINUX||"},
		{"another address", commit.Added{PublicIP: "192.0.2.2"}, linux(), []string{"public_ip_address"}, "|192.0.2.2|LINUX||"},
		{"a business unit", commit.Added{PublicIP: "192.0.2.2", BusinessUnit: unit("b")}, linux(), []string{"business_unit"}, "|192.0.2.2|LINUX||b"},
		{"another one, and a reference", commit.Added{PublicIP: "192.0.2.2", BusinessUnit: unit("c"), Reference: "R"}, linux(), []string{"business_unit", "reference"}, "R|192.0.2.2|LINUX||c"},
		{"another system", commit.Added{}, mac, []string{"business_unit", "deb_packages", "disks", "os_version", "platform", "public_ip_address", "reference", "system_info", "type"}, "||MACOS|LAPTOP|"},
		{"nothing that tells", commit.Added{}, facts{"os_version": {}}, []string{"os_version", "platform", "system_info", "type"}, "||||"},
	}
	for i, step := range steps {
		a.added = step.added
		if r := a.becomes(step.to); r.Seq != int64(i+1) {
			t.Fatalf("%s: got change %d, want %d", step.name, r.Seq, i+1)
		}
		changes := w.changes(a.head)
		if got := changes[i].Kinds; !slices.Equal(got, step.kinds) {
			t.Errorf("%s: kinds %v, want %v", step.name, got, step.kinds)
		}
		if got := changes[i].Root; got != step.to.root() {
			t.Errorf("%s: the keys are part of the root", step.name)
		}
	}
	for i, step := range steps {
		if got := keysOf(commit.AddedOf(w.heldAt(a.head, int64(i+1), step.to))); got != step.want {
			t.Errorf("%s: got %s, want %s", step.name, got, step.want)
		}
	}
	w.fsck()
}

func TestACheckInBringsAnotherAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.agent("S1")
	a.becomes(linux())
	a.added.PublicIP = "192.0.2.7"
	got := must(w.CheckIn(t.Context(), a.push(linux())))(t)
	if !got.Current || got.Head != a.head {
		t.Errorf("got %+v", got)
	}
	changes := w.changes(a.head)
	if len(changes) != 2 || !slices.Equal(changes[1].Kinds, []string{"public_ip_address"}) {
		t.Errorf("changes: got %+v", changes)
	}
	w.fsck()
}

// tree reads a submitted tree.
func (w *world) tree(text string) *tree.Submitted {
	w.t.Helper()
	return must(tree.Parse([]byte(text), tree.DefaultLimits()))(w.t)
}

func TestSubmittedTreesAreComplete(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const who = `"source":{"module":"test.mdm","name":"mdm"},"serial_number":"T1"`
	steps := []struct {
		name, text string
		want       string
		platform   string // in the summary
		changed    bool
		kinds      []string // held
	}{
		{"submitted platform", `{` + who + `,"platform":"IOS","type":"MOBILE","reference":"R1"}`, "R1||IOS|MOBILE|", "IOS", true, nil},
		{"the same again", `{` + who + `,"platform":"IOS","type":"MOBILE","reference":"R1"}`, "R1||IOS|MOBILE|", "IOS", false, nil},
		{"another submitted platform", `{` + who + `,"platform":"TVOS","type":"TV","reference":"R1"}`, "R1||TVOS|TV|", "TVOS", true, nil},
		{"none any more", `{` + who + `,"public_ip_address":"192.0.2.3","disks":[{"name":"d0","size":1}]}`, "|192.0.2.3|||", "", true, []string{"disks"}},
		{"the sections come first", `{` + who + `,"platform":"IOS","os_version":{"name":"Debian GNU/Linux","major":12}}`, "||LINUX||", "LINUX", true, []string{"os_version"}},
		{"kinds that are not there go", `{` + who + `,"platform":"IOS"}`, "||IOS||", "IOS", true, nil},
	}
	for _, step := range steps {
		r := must(w.Submit(t.Context(), w.tree(step.text)))(t)
		if r.Changed != step.changed {
			t.Errorf("%s: changed %v", step.name, r.Changed)
		}
		held := must(w.store.SectionsAt(t.Context(), r.Head, timeZero))(t).Sections
		if got := keysOf(commit.AddedOf(held)); got != step.want {
			t.Errorf("%s: got %s, want %s", step.name, got, step.want)
		}
		var kinds []string
		for kind := range held {
			if kind[0] != '@' {
				kinds = append(kinds, kind)
			}
		}
		if !slices.Equal(kinds, step.kinds) {
			t.Errorf("%s: kinds %v, want %v", step.name, kinds, step.kinds)
		}
		if got := value[string](w, "SELECT platform FROM head_summary WHERE head = $1", r.Head); got != step.platform {
			t.Errorf("%s: summary says %s", step.name, got)
		}
	}
	w.fsck()
}

func TestASourceOfLongConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	submitted := w.tree(`{"source":{"module":"m","name":"n"},"serial_number":"T1"}`)
	var config []byte
	for i := range 3000 {
		config = fmt.Appendf(config, "%x", i*2654435761%4294967291)
	}
	submitted.Source.Config = fmt.Sprintf(`{"a":%q}`, config)
	if _, err := w.Submit(t.Context(), submitted); !isA[*commit.InvalidError](err) {
		t.Errorf("got %v", err)
	}
	if got := value[int](w, "SELECT count(*) FROM machine"); got != 0 {
		t.Errorf("machines: got %d, want none", got)
	}
}

func TestTheSummaryFollows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.agent("S1")
	summary := func() store.Summary {
		t.Helper()
		var s store.Summary
		err := w.pool.QueryRow(t.Context(), `SELECT computer_name, platform, type, os_version, hardware_model FROM head_summary`).
			Scan(&s.ComputerName, &s.Platform, &s.Type, &s.OSVersion, &s.HardwareModel)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a.becomes(linux())
	if got, want := summary(), (store.Summary{ComputerName: "bee", Platform: "LINUX", OSVersion: "Debian GNU/Linux 12", HardwareModel: "KVM"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	a.becomes(linux().with(facts{"system_info": {`{"hostname":"wasp"}`}}))
	if got, want := summary(), (store.Summary{ComputerName: "wasp", Platform: "LINUX", OSVersion: "Debian GNU/Linux 12"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
