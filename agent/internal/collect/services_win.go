// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	if !onWindows {
		return
	}
	register(Collector{Name: "services", On: []string{"windows"}, Essential: true, Collect: collectWindowsServices})
}

// Types of services; the rest are drivers.
//
// Source: CreateService in Microsoft's documentation.
const (
	serviceOwnProcess   = 0x10
	serviceShareProcess = 0x20
	servicePerUser      = 0x80 // made for each person who logs in, with a number in its name
)

// collectWindowsServices lists services; drivers and the copies made for each person are left out. Only a service that
// Windows starts with itself, and that nothing else starts or stops, has a state worth keeping.
//
// Source: HKLM\SYSTEM\CurrentControlSet\Services, EnumServicesStatusEx.
func collectWindowsServices(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	r, err := registryOf(h)
	if err != nil {
		return err
	}
	running, err := h.ServiceStates(ctx)
	if err != nil {
		return err
	}
	states := make(map[string]bool, len(running))
	for name, on := range running {
		states[strings.ToLower(name)] = on
	}
	var refused gap
	err = r.each(keyServices, &refused, func(name string, v regValues) error {
		row := windowsService(name, v)
		if row == nil {
			return nil
		}
		if on, known := states[strings.ToLower(name)]; known && lasting(r, name, v) {
			row.State = proto.String(map[bool]string{true: "running", false: "stopped"}[on])
		}
		snap.Services = append(snap.Services, row)
		return nil
	})
	if err != nil {
		return err
	}
	return refused.err()
}

// windowsService makes a row of one key; nil for a driver.
func windowsService(name string, v regValues) *inventoryv1.Service {
	kind, ok := v.number("Type")
	if !ok || kind&(serviceOwnProcess|serviceShareProcess) == 0 || kind&servicePerUser != 0 {
		return nil
	}
	row := &inventoryv1.Service{
		Name: fact(name), Type: proto.String("windows"), DisplayName: fact(shown(v.text("DisplayName"))),
		Description: fact(shown(v.text("Description"))), Path: fact(maskSecrets(v.text("ImagePath"))), User: fact(v.text("ObjectName")),
	}
	switch start, _ := v.number("Start"); start {
	case 2:
		row.StartType = proto.String("enabled")
	case 3:
		row.StartType = proto.String("manual")
	case 4:
		row.StartType = proto.String("disabled")
	}
	return row
}

// lasting tells whether a service stays as it was started: by itself, at once, and without a trigger.
func lasting(r winRegistry, name string, v regValues) bool {
	return v.is("Start", 2) && !v.is("DelayedAutostart", 1) && !r.has(keyServices+`\`+name+`\TriggerInfo`)
}
