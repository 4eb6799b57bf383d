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
	register(Collector{Name: "security_products", On: []string{"windows"}, Essential: true, Collect: collectWindowsSecurity})
}

const (
	keyDefender       = `HKLM\SOFTWARE\Microsoft\Windows Defender`
	keyDefenderPolicy = `HKLM\SOFTWARE\Policies\Microsoft\Windows Defender`
	keySecurityCenter = `HKLM\SOFTWARE\Microsoft\Security Center\Provider`
	keyFirewall       = keyServices + `\SharedAccess\Parameters\FirewallPolicy`
	keyFirewallPolicy = `HKLM\SOFTWARE\Policies\Microsoft\WindowsFirewall`
	defenderName      = "Microsoft Defender Antivirus"
	firewallName      = "Windows Defender Firewall"
)

// protectionServices are services of products that watch what programs do.
var protectionServices = []struct{ service, name, vendor, kind string }{
	{"CSFalconService", "CrowdStrike Falcon", "CrowdStrike", "edr"},
	{"SentinelAgent", "SentinelOne Agent", "SentinelOne", "edr"},
	{"Sense", "Microsoft Defender for Endpoint", "Microsoft", "edr"},
	{"CbDefense", "Carbon Black Cloud Sensor", "VMware", "edr"},
	{"CylanceSvc", "CylancePROTECT", "BlackBerry", "edr"},
}

// collectWindowsSecurity lists protection software: what registered with the Security Center of an edition for clients,
// Defender and the firewall of Windows, and well-known products by their services.
//
// Source: the registry; EnumServicesStatusEx.
func collectWindowsSecurity(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	r, err := registryOf(h)
	if err != nil {
		return err
	}
	running, err := h.ServiceStates(ctx)
	if err != nil {
		return err
	}
	for _, p := range []struct{ key, kind string }{{`\Av`, "antivirus"}, {`\Fw`, "firewall"}} {
		var refused gap // the Security Center's list is all that is lost
		err := r.each(keySecurityCenter+p.key, &refused, func(_ string, v regValues) error {
			if row := registeredProduct(v, p.kind); row != nil {
				snap.SecurityProducts = append(snap.SecurityProducts, row)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if row := defender(r, running); row != nil {
		snap.SecurityProducts = append(snap.SecurityProducts, row)
	}
	if row := windowsFirewall(r); row != nil {
		snap.SecurityProducts = append(snap.SecurityProducts, row)
	}
	for _, p := range protectionServices {
		if on, installed := running[p.service]; installed && (on || p.service != "Sense") { // Windows brings the last one along, asleep
			snap.SecurityProducts = append(snap.SecurityProducts, &inventoryv1.SecurityProduct{
				Name: proto.String(p.name), Type: proto.String(p.kind), Vendor: proto.String(p.vendor), State: onOff(on),
			})
		}
	}
	return nil
}

// registeredProduct makes a row of a product that registered with the Security Center; nil for those of Windows itself,
// which are described from their own settings.
//
// Source: the product state of the Security Center, in whose second byte the upper half is 0 off, 1 on, 2 snoozed.
func registeredProduct(v regValues, kind string) *inventoryv1.SecurityProduct {
	name := v.text("DISPLAYNAME")
	if name == "" || indirect(name) || strings.Contains(name, "Windows Defender") || name == defenderName {
		return nil
	}
	row := &inventoryv1.SecurityProduct{Name: fact(name), Type: proto.String(kind), State: proto.String("unknown")}
	if state, ok := v.number("STATE"); ok {
		if word, known := map[uint64]string{0: "off", 1: "on", 2: "snoozed"}[state>>12&0xf]; known {
			row.State = proto.String(word)
		}
	}
	return row
}

// defender describes the antivirus of Windows; nil where there is none. The version is that of its platform.
func defender(r winRegistry, running map[string]bool) *inventoryv1.SecurityProduct {
	on, installed := running["WinDefend"]
	if !installed {
		return nil
	}
	v := r.peek(keyDefender)
	row := &inventoryv1.SecurityProduct{Name: proto.String(defenderName), Type: proto.String("antivirus"), Vendor: proto.String("Microsoft")}
	location := strings.TrimRight(v.text("InstallLocation"), `\`)
	if version := location[strings.LastIndexByte(location, '\\')+1:]; strings.Count(version, ".") >= 3 {
		version, _, _ = strings.Cut(version, "-")
		row.Version = fact(version)
	}
	if v.is("PassiveMode", 1) {
		row.Mode = proto.String("passive")
	}
	for _, key := range []string{keyDefender, keyDefenderPolicy} {
		if r.peek(key).is("DisableAntiSpyware", 1) || r.peek(key+`\Real-Time Protection`).is("DisableRealtimeMonitoring", 1) {
			on = false
		}
	}
	row.State = onOff(on)
	return row
}

// windowsFirewall describes the firewall of Windows: on when it is on in all three kinds of networks; the mode names those
// in which it is, when it is not so in all. Group policy goes before what somebody set.
func windowsFirewall(r winRegistry) *inventoryv1.SecurityProduct {
	var on []string
	known := 0
	for _, p := range []struct{ key, name string }{{"DomainProfile", "domain"}, {"StandardProfile", "private"}, {"PublicProfile", "public"}} {
		policy := `\` + p.key
		if p.key == "StandardProfile" {
			policy = `\PrivateProfile` // only group policy calls it so
		}
		state, ok := r.peek(keyFirewallPolicy + policy).number("EnableFirewall")
		if !ok {
			state, ok = r.peek(keyFirewall + `\` + p.key).number("EnableFirewall")
		}
		if ok {
			known++
		}
		if ok && state != 0 {
			on = append(on, p.name)
		}
	}
	if known == 0 {
		return nil
	}
	row := &inventoryv1.SecurityProduct{
		Name: proto.String(firewallName), Type: proto.String("firewall"), Vendor: proto.String("Microsoft"), State: onOff(len(on) == known),
	}
	if len(on) > 0 && len(on) < known {
		row.Mode = fact(strings.Join(on, ","))
	}
	return row
}
