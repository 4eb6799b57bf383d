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
	register(Collector{Name: "network_interfaces", On: []string{"windows"}, Essential: true, Collect: collectWindowsInterfaces})
}

// The settings of IP, and the class of network adapters among the drivers.
const (
	keyTCPIP         = keyServices + `\Tcpip\Parameters`
	keyTCPIP6        = keyServices + `\Tcpip6\Parameters`
	keyAdapterClass  = keyControl + `\Class\{4D36E972-E325-11CE-BFC1-08002BE10318}`
	keyAdapterIP     = keyTCPIP + `\Interfaces\`
	keyAdapterIP6    = keyTCPIP6 + `\Interfaces\`
	maxResolverTexts = 64
)

// adapterDriver is what the registry tells of an adapter's driver.
type adapterDriver struct{ service, vendor string }

// collectWindowsInterfaces lists the addresses of all adapters that have a MAC, one row each, and one row for an adapter
// of hardware without address. Left out are the loopback and the temporary addresses of IPv6.
//
// Source: GetAdaptersAddresses; the class of network adapters in the registry for what drives them.
func collectWindowsInterfaces(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	interfaces, err := h.Interfaces()
	if err != nil {
		return err
	}
	r, err := registryOf(h)
	if err != nil {
		return err
	}
	drivers, err := adapterDrivers(r)
	if err != nil {
		return err
	}
	for _, i := range interfaces {
		if i.Loopback || strings.Trim(i.MAC, "0:") == "" || len(i.MAC) > 23 {
			continue
		}
		found := false
		for _, a := range i.Addresses {
			if a.Temporary || !a.Prefix.IsValid() {
				continue
			}
			row := windowsInterface(i, drivers)
			row.Address, row.Mask = fact(a.Prefix.Addr().Unmap().WithZone("").String()), fact(maskOf(a.Prefix))
			if a.Broadcast.IsValid() {
				row.Broadcast = fact(a.Broadcast.String())
			}
			if a.Leased && a.Prefix.Addr().Is4() {
				row.Dhcp = proto.Bool(true)
			}
			snap.NetworkInterfaces, found = append(snap.NetworkInterfaces, row), true
		}
		if _, hardware := drivers[strings.ToLower(i.ID)]; !found && hardware {
			snap.NetworkInterfaces = append(snap.NetworkInterfaces, windowsInterface(i, drivers))
		}
	}
	return nil
}

// windowsInterface describes the adapter without an address. The speed of a wireless link moves all the time, and that
// of a link that is down is not known.
func windowsInterface(i host.Interface, drivers map[string]adapterDriver) *inventoryv1.NetworkInterface {
	driver := drivers[strings.ToLower(i.ID)]
	row := &inventoryv1.NetworkInterface{
		Interface: fact(i.Name), Mac: fact(strings.ToLower(i.MAC)), Type: fact(i.Type), Mtu: count(i.MTU),
		Description: fact(i.Description), Driver: fact(driver.service), Vendor: fact(driver.vendor),
	}
	if i.Type == "ethernet" {
		row.SpeedMbps = count(int(i.SpeedMbps))
	}
	return row
}

// adapterDrivers reads what drives each adapter of hardware, by the adapter's GUID in lower case. The class also lists
// adapters that are not plugged in.
func adapterDrivers(r winRegistry) (map[string]adapterDriver, error) {
	drivers := map[string]adapterDriver{}
	var refused gap // the key Properties is for the system alone, and holds nothing of use
	err := r.each(keyAdapterClass, &refused, func(_ string, v regValues) error {
		id, device := v.text("NetCfgInstanceId"), v.text("DeviceInstanceID")
		if id == "" || strings.HasPrefix(strings.ToUpper(device), `ROOT\`) {
			return nil // made by software
		}
		d := r.peek(keyEnum + `\` + device)
		drivers[strings.ToLower(id)] = adapterDriver{service: d.text("Service"), vendor: shown(d.text("Mfg"))}
		return nil
	})
	return drivers, err
}
