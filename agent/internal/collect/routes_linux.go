// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() { register(Collector{Name: "routes", Essential: true, Collect: collectRoutes}) }

// Who makes a route.
//
// Source: rtnetlink(7) and include/uapi/linux/rtnetlink.h in the Linux kernel.
const (
	routeByRedirect = 1
	routeByKernel   = 2
	routeByStatic   = 4
	routeByRouter   = 9 // router advertisements
	routeByDHCP     = 16
	routeByKeeper   = 18 // keepalived
)

// collectRoutes lists the lines of the main routing table that follow from how the machine is configured, by hand or by
// DHCP, and the default routes that routers advertise. Left out are what routing daemons and redirects put there, the
// link-local networks that every interface has, and the cables of containers.
func collectRoutes(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	routes, err := h.Routes()
	if err != nil {
		return err
	}
	for _, r := range routes {
		if !configured(h, r) {
			continue
		}
		row := &inventoryv1.Route{Destination: fact(r.Destination.String()), Interface: fact(r.Interface), Type: fact(r.Type)}
		if r.Gateway.IsValid() {
			row.Gateway = fact(r.Gateway.WithZone("").String())
		}
		if r.Source.IsValid() {
			row.Source = fact(r.Source.String())
		}
		if r.Metric != 0 { // 0 is none, and what the kernel takes for IPv4
			row.Metric = proto.Int64(int64(r.Metric))
		}
		snap.Routes = append(snap.Routes, row)
	}
	return nil
}

// configured tells whether a route is one that collectRoutes lists.
func configured(h host.Host, r host.Route) bool {
	to := r.Destination
	switch {
	case r.Type == "local" || r.Type == "broadcast" || r.Type == "anycast" || r.Type == "multicast" || to.Addr().IsMulticast():
		return false
	case to.Addr().Is6() && to.Addr().IsLinkLocalUnicast(), r.Interface == "lo" && r.Protocol == routeByKernel:
		return false
	case to.IsSingleIP() && !r.Gateway.IsValid() && cable(h, r.Interface):
		return false
	}
	switch r.Protocol {
	case routeByRouter:
		return to.Bits() == 0
	case routeByRedirect:
		return false
	}
	return r.Protocol <= routeByStatic || r.Protocol == routeByDHCP || r.Protocol == routeByKeeper
}

// cable tells whether an interface is this end of a cable to a container.
func cable(h host.Host, name string) bool {
	for _, prefix := range []string{"veth", "cali", "lxc", "cilium"} {
		if strings.HasPrefix(name, prefix) {
			return !exists(h, "sys/class/net/"+name+"/device")
		}
	}
	return false
}
