// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	if !onWindows {
		return
	}
	register(Collector{Name: "program_instances", On: []string{"windows"}, Essential: true, CollectFiles: collectPrograms})
}

// maxPrograms bounds the list; the largest seen have some hundreds.
const maxPrograms = 20_000

// uninstallPlaces are where installers register programs, below a hive's Software.
var uninstallPlaces = []string{
	`\Microsoft\Windows\CurrentVersion\Uninstall`,
	`\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall`,
}

// collectPrograms lists what installers registered for the machine and for the people who logged in since the agent
// runs: everything with a name, parts and updates included.
//
// Source: the Uninstall keys; UpgradeCodes of Windows Installer.
func collectPrograms(_ context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
	r, err := registryOf(h)
	if err != nil {
		return err
	}
	upgrades, err := upgradeCodes(r)
	if err != nil {
		return err
	}
	var refused gap
	programs := func(root string) ([]*inventoryv1.ProgramInstance, error) {
		return programsBelow(r, root, upgrades, &refused)
	}
	people, err := ofPeople(r, files, func(hive string) ([]*inventoryv1.ProgramInstance, error) { return programs(hive + `\Software`) })
	if err != nil {
		return err
	}
	own, err := programs(`HKLM\SOFTWARE`)
	if err != nil {
		return err
	}
	found := programSet{rows: map[string]*inventoryv1.ProgramInstance{}}
	for _, row := range slices.Concat(own, slices.Concat(people...)) {
		if len(found.order) < maxPrograms {
			found.add(proto.CloneOf(row)) // those of people are kept for the next time
		}
	}
	snap.ProgramInstances = found.order
	return refused.err()
}

// programsBelow reads the Uninstall keys below a hive's Software.
func programsBelow(r winRegistry, root string, upgrades map[string]string, refused *gap) ([]*inventoryv1.ProgramInstance, error) {
	var rows []*inventoryv1.ProgramInstance
	for _, place := range uninstallPlaces {
		err := r.each(root+place, refused, func(name string, v regValues) error {
			if row := programOf(name, v, upgrades); row != nil && len(rows) < maxPrograms {
				rows = append(rows, row)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// programOf makes a row of one Uninstall key; nil for one without a name.
//
// Source: "Uninstall Registry Key" in the documentation of Windows Installer.
func programOf(key string, v regValues, upgrades map[string]string) *inventoryv1.ProgramInstance {
	name := v.text("DisplayName")
	if name == "" {
		return nil
	}
	p := &inventoryv1.Program{
		Name: fact(name), Version: fact(v.text("DisplayVersion")), Language: fact(language(v)), Publisher: fact(v.text("Publisher")),
	}
	if isGUID(key) {
		code := strings.ToUpper(key)
		p.IdentifyingNumber, p.UpgradeCode = fact(code), fact(upgrades[code])
	}
	return &inventoryv1.ProgramInstance{
		Program:         p,
		InstallLocation: fact(strings.Trim(v.text("InstallLocation"), `"`)),
		InstallSource:   fact(strings.Trim(v.text("InstallSource"), `"`)),
		UninstallString: fact(maskSecrets(v.text("UninstallString"))),
		InstallDate:     installDay(v.text("InstallDate")),
		Purl:            purlOf("generic", "", name, v.text("DisplayVersion")),
	}
}

// language is the LCID in decimal digits, or what an installer wrote in its place; 0 stands for any language.
func language(v regValues) string {
	if text := v.text("Language"); text != "0" {
		return text
	}
	return ""
}

// programSet keeps equal rows once. Of two times of installation the earlier stands.
type programSet struct {
	rows  map[string]*inventoryv1.ProgramInstance
	order []*inventoryv1.ProgramInstance
}

// add adds a row unless there is one like it: the parts of a program for 32 and 64 bits are registered twice.
func (s *programSet) add(row *inventoryv1.ProgramInstance) {
	day := row.InstallDate
	row.InstallDate = nil
	key, err := proto.MarshalOptions{Deterministic: true}.Marshal(row)
	row.InstallDate = day
	known, ok := s.rows[string(key)]
	switch {
	case err != nil: // no message of ours cannot be spelled
	case !ok:
		s.rows[string(key)] = row
		s.order = append(s.order, row)
	case known.InstallDate == nil || day != nil && *day < *known.InstallDate:
		known.InstallDate = day
	}
}

// upgradeCodes gives the upgrade code of each product code. Windows Installer keeps them the other way round, and packed.
func upgradeCodes(r winRegistry) (map[string]string, error) {
	codes := map[string]string{}
	var refused gap // a product without upgrade code is what is lost
	for _, place := range []string{`HKLM\SOFTWARE\Classes\Installer\UpgradeCodes`, `HKLM\SOFTWARE\WOW6432Node\Classes\Installer\UpgradeCodes`} {
		err := r.each(place, &refused, func(name string, products regValues) error {
			upgrade := unpackGUID(name)
			for product := range products {
				if code := unpackGUID(product); code != "" && upgrade != "" {
					if known := codes[code]; known == "" || upgrade < known {
						codes[code] = upgrade
					}
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return codes, nil
}
