// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"io/fs"
	"slices"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() { register(Collector{Name: "batteries", Collect: collectBatteries}) }

const powerFolder = "sys/class/power_supply"

// lastingHealth are the states of a battery that do not go with its temperature.
var lastingHealth = []string{"Good", "Dead", "Unspecified failure", "Calibration required", "No battery"}

// collectBatteries lists the batteries that run the machine, not those of mice and headsets.
//
// Source: Documentation/ABI/testing/sysfs-class-power in the Linux kernel.
func collectBatteries(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	entries, err := fs.ReadDir(h.FS(), powerFolder)
	if err != nil {
		return absent(err)
	}
	for _, e := range entries {
		folder := powerFolder + "/" + e.Name() + "/"
		if peek(h, folder+"type") != "Battery" || peek(h, folder+"scope") == "Device" || peek(h, folder+"present") == "0" {
			continue
		}
		snap.Batteries = append(snap.Batteries, batteryOf(h, e.Name(), folder))
	}
	if len(snap.Batteries) == 0 {
		return ErrAbsent
	}
	return nil
}

// batteryOf reads one battery.
func batteryOf(h host.Host, name, folder string) *inventoryv1.Battery {
	text := func(file string) *string {
		s := peek(h, folder+file)
		if placeholder(s) {
			return nil
		}
		return fact(s)
	}
	b := &inventoryv1.Battery{
		Name: fact(name), Vendor: text("manufacturer"), Model: text("model_name"), Serial: text("serial_number"),
		Chemistry: text("technology"), DesignCapacity: designCapacity(h, folder),
	}
	if cycles := number(peek(h, folder+"cycle_count")); cycles != nil && *cycles > 0 { // 0 is also "does not count"
		b.CycleCount = cycles
	}
	if health := peek(h, folder+"health"); slices.Contains(lastingHealth, health) {
		b.Health = fact(health)
	}
	return b
}

// designCapacity is in mWh. Batteries that count their charge in µAh know their design voltage in µV.
func designCapacity(h host.Host, folder string) *int64 {
	if energy := number(peek(h, folder+"energy_full_design")); energy != nil {
		return count(int(*energy / 1000))
	}
	charge, voltage := number(peek(h, folder+"charge_full_design")), number(peek(h, folder+"voltage_min_design"))
	if charge == nil || voltage == nil || *charge > 1e9 || *voltage > 1e9 { // beyond any battery, and what fits
		return nil
	}
	return count(int(*charge * *voltage / 1e9))
}
