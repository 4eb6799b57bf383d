// SPDX-License-Identifier: Apache-2.0

//go:build unix

package endtoend_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// machine is what there is to collect on one endpoint.
type machine struct {
	name     string
	evidence *syncv1.Evidence
	debs     map[string]int // package → version
	disks    map[string]int // disk → size
	facts    int
	system   int
	off      map[string]bool // kinds that are switched off
	failing  map[string]bool // kinds whose collector fails at the moment
}

// newMachine returns a machine whose evidence no other number has. Every third one has no firmware to speak of.
func newMachine(number int) *machine {
	sum := sha256.Sum256(fmt.Appendf(nil, "machine %d", number))
	evidence := &syncv1.Evidence{MachineIdHash: hex.EncodeToString(sum[:])}
	if number%3 != 2 {
		evidence.HardwareSerial = fmt.Sprintf("SN%04dX", number)
		evidence.ProductUuid = hex.EncodeToString(sum[:16])
	}
	return &machine{
		name: fmt.Sprintf("m%d", number), evidence: evidence,
		debs: map[string]int{"bash": 1, "dpkg": 1}, disks: map[string]int{"sda": 1},
		off: map[string]bool{}, failing: map[string]bool{},
	}
}

// copied returns a machine with the same content, as an image of the first one makes it.
func (m *machine) copied(name string) *machine {
	c := *m
	c.name = name
	c.debs, c.disks, c.off, c.failing = maps.Clone(m.debs), maps.Clone(m.disks), maps.Clone(m.off), maps.Clone(m.failing)
	return &c
}

// optionalKinds are those that may fail or be switched off. Install times go with the packages.
var optionalKinds = []string{"deb_packages", "disks", "extra_facts", "os_version"}

// change does something to the machine.
func (m *machine) change(t *rapid.T) {
	switch rapid.SampledFrom([]string{"package", "packages", "disk", "facts", "system", "fail", "heal", "off", "on"}).Draw(t, "what") {
	case "package":
		m.toggle(t, m.debs, "package", 6)
	case "packages":
		first := rapid.IntRange(0, 200).Draw(t, "first")
		version := rapid.IntRange(0, 3).Draw(t, "version")
		for i := range rapid.IntRange(1, 120).Draw(t, "count") {
			name := fmt.Sprintf("lib%d", first+i)
			if delete(m.debs, name); version > 0 {
				m.debs[name] = version
			}
		}
	case "disk":
		m.toggle(t, m.disks, "disk", 3)
	case "facts":
		m.facts = rapid.IntRange(0, 3).Draw(t, "facts")
	case "system":
		m.system = rapid.IntRange(0, 3).Draw(t, "system")
	case "fail":
		m.failing[rapid.SampledFrom(optionalKinds).Draw(t, "kind")] = true
	case "heal":
		clear(m.failing)
	case "off":
		m.off[rapid.SampledFrom(optionalKinds).Draw(t, "kind")] = true
	case "on":
		clear(m.off)
	}
}

// toggle adds, changes or removes one entry.
func (m *machine) toggle(t *rapid.T, set map[string]int, name string, names int) {
	key := fmt.Sprintf("%s%d", name, rapid.IntRange(1, names).Draw(t, name))
	value := rapid.IntRange(0, 3).Draw(t, "value")
	if delete(set, key); value > 0 {
		set[key] = value
	}
}

// collection is a collected snapshot on its way to the aggregator.
type collection struct {
	set  snapshot.Sections
	keep map[string]bool
}

// after returns c with the kinds that it keeps taken from an earlier collection that nobody else holds yet.
func (c *collection) after(earlier *collection) *collection {
	if earlier == nil {
		return c
	}
	merged := &collection{set: maps.Clone(c.set), keep: maps.Clone(c.keep)}
	for kind := range c.keep {
		if section, ok := earlier.set[kind]; ok {
			merged.set[kind] = section
			delete(merged.keep, kind)
		}
	}
	return merged
}

// collect looks at the machine.
func (m *machine) collect() (*collection, error) {
	sections, err := snapshot.Split(m.snapshot())
	if err != nil {
		return nil, err
	}
	c := &collection{set: snapshot.Sections{}, keep: map[string]bool{}}
	for kind, collector := range map[string]string{
		"deb_packages": "deb_packages", snapshot.KindInstallTimes: "deb_packages", "disks": "disks",
		"extra_facts": "extra_facts", "os_version": "os_version", "system_info": "system_info",
	} {
		switch {
		case m.off[collector]:
		case m.failing[collector]:
			c.keep[kind] = true
		case sections[kind] != nil:
			c.set[kind] = sections[kind]
		default:
			c.set[kind] = &snapshot.Section{Kind: kind}
		}
	}
	return c, nil
}

func (m *machine) snapshot() *inventoryv1.Snapshot {
	s := &inventoryv1.Snapshot{
		SystemInfo: &inventoryv1.SystemInfo{
			ComputerName: proto.String(m.name), PhysicalMemory: proto.Int64(int64(m.system)),
		},
		OsVersion: &inventoryv1.OSVersion{Id: proto.String("debian"), Major: proto.Int64(int64(m.system))},
	}
	for name, version := range m.debs {
		installed := time.Unix(int64(1_700_000_000+100*version), 0).UTC().Format("2006-01-02T15:04:05")
		s.DebPackages = append(s.DebPackages, &inventoryv1.DebPackage{
			Name: proto.String(name), Version: proto.String(fmt.Sprint(version)), InstallTime: &installed,
		})
	}
	for name, size := range m.disks {
		s.Disks = append(s.Disks, &inventoryv1.Disk{Name: proto.String(name), Size: proto.Int64(int64(size))})
	}
	if m.facts > 0 {
		s.ExtraFacts = proto.String(fmt.Sprintf(`{"facts":[%d,null,{}]}`, m.facts))
	}
	return s
}

// digestsOf returns the section digests by kind.
func digestsOf(sections snapshot.Sections) map[string]asset.Digest { return sections.Digests() }
