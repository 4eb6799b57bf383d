// SPDX-License-Identifier: Apache-2.0

//go:build unix

package commit_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// isA is a matcher of error types.
func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func invalidWith(text string) func(error) bool {
	return func(err error) bool {
		bad, ok := errors.AsType[*commit.InvalidError](err)
		return ok && strings.Contains(bad.Error(), text) && !bad.Limit
	}
}

func TestRefusedPushesWriteNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.agent("S1")
	a.becomes(linux().with(facts{"users": {`{"username":"root"}`}}))
	fresh := linux().with(facts{
		"users":        {`{"username":"root"}`, `{"username":"new"}`},
		"deb_packages": {deb("bash", "5.2"), deb("curl", "8.0"), deb("new", "1")},
	})
	// A shared asset of another kind that the dictionary holds, and one whose digest only begins like that of a fact.
	foreign := idOf("os_version", linux()["os_version"][0])
	twin := asset.Of("deb_packages", []byte(deb("twin", "1")))
	forged := slices.Clone(twin[:])
	forged[31] ^= 1
	w.exec(`INSERT INTO asset (digest, kind, body) VALUES ($1, 'deb_packages', '{}')`, forged)

	tests := []struct {
		name   string
		change func(p *commit.Push)
		want   func(error) bool
	}{
		{"wrong root", func(p *commit.Push) { p.Root[3]++ }, invalidWith("recomputed root")},
		{"wrong section digest", func(p *commit.Push) { p.Sections[0].Digest = make([]byte, 16) }, invalidWith("recomputed digest")},
		{"unknown base", func(p *commit.Push) { p.Sections[0].Base = make([]byte, 16) }, func(err error) bool {
			base, ok := errors.AsType[*commit.BaseError](err)
			return ok && slices.Equal(base.Kinds, []string{"deb_packages"}) && len(base.Bases) == 5 &&
				base.Bases["disks"] == linux().section("disks").Digest()
		}},
		{"no base where there is one", func(p *commit.Push) { p.Sections[1].Base = nil }, isA[*commit.BaseError]},
		{"a base where there is none", func(p *commit.Push) {
			p.Sections = append(p.Sections, commit.Section{Kind: "routes", Delta: true, Base: make([]byte, 16)})
		}, isA[*commit.BaseError]},
		{"added fact is present", func(p *commit.Push) {
			p.Sections[1].Bodies = append(p.Sections[1].Bodies, []byte(`{"username":"root"}`))
		}, invalidWith("in the section already")},
		{"added asset is present", func(p *commit.Push) {
			p.Sections[0].Bodies = append(p.Sections[0].Bodies, []byte(deb("bash", "5.2")))
		}, invalidWith("in the section already")},
		{"added twice", func(p *commit.Push) {
			p.Sections[0].Bodies = append(p.Sections[0].Bodies, p.Sections[0].Bodies[0])
		}, invalidWith("brought twice")},
		{"removed asset is absent", func(p *commit.Push) {
			p.Sections[0].Removed = []asset.ID{idOf("deb_packages", deb("absent", "1"))}
		}, invalidWith("not in the section")},
		{"removed fact is absent", func(p *commit.Push) {
			p.Sections[1].Removed = []asset.ID{idOf("users", `{"username":"absent"}`)}
		}, invalidWith("not in the section")},
		{"removed twice", func(p *commit.Push) {
			id := idOf("users", `{"username":"root"}`)
			p.Sections[1].Removed = []asset.ID{id, id}
		}, invalidWith("not ascending")},
		{"asset of another kind", func(p *commit.Push) {
			p.Sections[0] = commit.Section{Kind: "deb_packages", IDs: []asset.ID{foreign}}
		}, invalidWith("is of kind os_version")},
		{"missing assets", func(p *commit.Push) {
			absent := idOf("deb_packages", deb("absent", "1"))
			p.Sections[0] = commit.Section{Kind: "deb_packages", IDs: []asset.ID{absent}}
		}, func(err error) bool {
			missing, ok := errors.AsType[*commit.MissingError](err)
			return ok && missing.Kind == "deb_packages" && len(missing.IDs) == 1
		}},
		{"a body that is not among the ids", func(p *commit.Push) {
			s := &p.Sections[0]
			*s = commit.Section{Kind: "deb_packages", IDs: []asset.ID{idOf("deb_packages", deb("bash", "5.2"))}, Bodies: [][]byte{[]byte(deb("stray", "1"))}}
		}, invalidWith("is not among the ids")},
		{"ids out of order", func(p *commit.Push) {
			ids := []asset.ID{idOf("deb_packages", deb("bash", "5.2")), idOf("deb_packages", deb("curl", "8.0"))}
			slices.SortFunc(ids, asset.ID.Compare)
			slices.Reverse(ids)
			p.Sections[0] = commit.Section{Kind: "deb_packages", IDs: ids}
		}, invalidWith("not ascending")},
		{"ids of a private kind", func(p *commit.Push) { p.Sections[1].IDs = []asset.ID{foreign} }, invalidWith("ids of a private kind")},
		{"one short id, two digests, in a delta", func(p *commit.Push) {
			p.Sections[0].Bodies = append(p.Sections[0].Bodies, []byte(deb("twin", "1")))
			p.Sections[0].Digest, p.Root = nil, asset.Digest{}
		}, invalidWith("known with another digest")},
		{"one short id, two digests, in a whole section", func(p *commit.Push) {
			p.Sections[0] = commit.Section{Kind: "deb_packages", Bodies: [][]byte{[]byte(deb("twin", "1"))}}
		}, invalidWith("known with another digest")},
		{"unknown kinds", func(p *commit.Push) {
			p.Sections = append(p.Sections, commit.Section{Kind: "ghosts"}, commit.Section{Kind: "@added"})
		}, func(err error) bool {
			kinds, ok := errors.AsType[*commit.KindError](err)
			return ok && slices.Equal(kinds.Kinds, []string{"ghosts", "@added"})
		}},
		{"a kind named twice", func(p *commit.Push) { p.Sections = append(p.Sections, p.Sections[0]) }, invalidWith("named twice")},
		{"a body that is not canonical", func(p *commit.Push) { p.Sections[1].Bodies[0] = []byte(`{"username": "new"}`) }, invalidWith("not canonical")},
		{"a body that is no object", func(p *commit.Push) { p.Sections[1].Bodies[0] = []byte(`"new"`) }, invalidWith("not an object")},
		{"a text that is no text", func(p *commit.Push) {
			p.Sections = append(p.Sections, commit.Section{Kind: "imei", Bodies: [][]byte{[]byte(`{"a":1}`)}})
		}, invalidWith("not a string")},
		{"two assets of a single kind", func(p *commit.Push) {
			p.Sections = append(p.Sections, commit.Section{Kind: "system_info", Bodies: [][]byte{[]byte(`{"hostname":"a"}`), []byte(`{"hostname":"b"}`)}})
		}, invalidWith("at most one")},
		{"a second asset of a single kind", func(p *commit.Push) {
			p.Sections = append(p.Sections, commit.Section{
				Kind: "system_info", Delta: true, Base: short(linux().section("system_info").Digest()), Bodies: [][]byte{[]byte(`{"hostname":"a"}`)},
			})
		}, invalidWith("at most one")},
		{"a lower counter", func(p *commit.Push) { p.Stamp.Counter = 0 }, isA[*commit.StaleError]},
		{"the last counter with another root", func(p *commit.Push) { p.Stamp.Counter = 1 }, isA[*commit.StaleError]},
		{"a dead credential", func(p *commit.Push) {
			p.Credential = 4711
			p.Sections = p.Sections[1:]
			p.Root = asset.Digest{}
		}, func(err error) bool { return errors.Is(err, store.ErrFrozen) }},
	}
	before := w.counts()
	for _, test := range tests {
		a.stamp.Counter = 1
		p := a.delta(fresh)
		if len(p.Sections) != 2 || p.Sections[0].Kind != "deb_packages" || p.Sections[1].Kind != "users" {
			t.Fatalf("sections %+v", p.Sections)
		}
		test.change(p)
		if r, err := a.tried(p); !test.want(err) {
			t.Errorf("%s: got %+v, %v", test.name, r, err)
		}
		if after := w.counts(); after != before {
			t.Fatalf("%s: %+v before, %+v after", test.name, before, after)
		}
	}
	w.exec(`DELETE FROM asset WHERE digest = $1`, forged)
	a.stamp.Counter = 1
	a.becomes(fresh)
	w.fsck()
}

// A fact that leaves and comes in one delta is there afterwards.
func TestAFactMayBeRemovedAndAddedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.agent("S1")
	a.becomes(linux())
	p := a.push(linux())
	for _, kind := range []string{"deb_packages", "disks"} {
		digest, body := short(linux().section(kind).Digest()), linux()[kind][0]
		p.Sections = append(p.Sections, commit.Section{
			Kind: kind, Delta: true, Base: digest, Digest: digest, Removed: []asset.ID{idOf(kind, body)}, Bodies: [][]byte{[]byte(body)},
		})
	}
	if r := a.pushed(p, linux()); r.Changed {
		t.Error("got a change")
	}
	w.holds(a.head, linux())
	w.fsck()
}

func TestLimitsHoldForTheSnapshotAndNotOnlyForThePush(t *testing.T) {
	t.Parallel()
	isLimit := func(err error) bool {
		bad, ok := errors.AsType[*commit.InvalidError](err)
		return ok && bad.Limit
	}
	push := func(a *agent, sections ...commit.Section) error {
		p := a.push(nil)
		p.Root, p.Sections = asset.Digest{}, sections
		_, err := a.tried(p)
		return err
	}
	t.Run("assets", func(t *testing.T) {
		t.Parallel()
		a := newWorld(t).agent("S1")
		most := commit.Section{Kind: "users"}
		for n := range commit.MaxAssets {
			most.Bodies = append(most.Bodies, fmt.Appendf(nil, `{"n":%d}`, n))
		}
		if err := push(a, most); err != nil {
			t.Fatal(err)
		}
		body := []byte(deb("new", "1"))
		for name, s := range map[string]commit.Section{
			"a fact":                   {Kind: "disks", Bodies: [][]byte{[]byte(`{"name":"sda"}`)}},
			"an asset":                 {Kind: "deb_packages", Bodies: [][]byte{body}},
			"an asset that was added":  {Kind: "deb_packages", Delta: true, Bodies: [][]byte{body}},
			"an asset that was pushed": {Kind: "deb_packages", IDs: []asset.ID{idOf("deb_packages", string(body))}, Bodies: [][]byte{body}},
		} {
			if err := push(a, s); !isLimit(err) {
				t.Errorf("%s more: got %v", name, err)
			}
			if err := push(a, s, most); !isLimit(err) {
				t.Errorf("%s more in one push: got %v", name, err)
			}
		}
	})
	t.Run("bytes", func(t *testing.T) {
		t.Parallel()
		a := newWorld(t).agent("S1")
		part := func(kind string) commit.Section {
			s := commit.Section{Kind: kind}
			for n := range 12 {
				s.Bodies = append(s.Bodies, fmt.Appendf(nil, `{"n":%d,"x":%q}`, n, strings.Repeat("x", 1<<20-40)))
			}
			return s
		}
		for _, kind := range []string{"users", "disks"} {
			if err := push(a, part(kind)); err != nil {
				t.Fatal(err)
			}
		}
		if err := push(a, part("routes")); !isLimit(err) {
			t.Errorf("got %v", err)
		}
	})
}

func TestLongNamesAreStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.agent("S1")
	var name strings.Builder // does not compress
	for i := range 200 {
		name.WriteString(asset.Of("", []byte{byte(i)}).String())
	}
	to := facts{"deb_packages": {deb(name.String(), name.String()), deb(strings.Repeat("é", 5000), "1")}}
	a.becomes(to)
	w.holds(a.head, to)
	w.fsck()
}

func TestEveryKindIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.agent("S1")
	to := facts{}
	for _, kind := range snapshot.Kinds() {
		to[kind.Name] = []string{`{"name":"a"}`}
		if kind.Fact == nil {
			to[kind.Name] = []string{`"text"`}
		}
	}
	a.becomes(to)
	w.holds(a.head, to)
	a.becomes(linux())
	w.holds(a.head, linux())
	w.heldAt(a.head, 1, to)
	w.fsck()
}
