// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"strings"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	register(Collector{Name: "security_products", Collect: collectSecurityProducts})
}

// collectSecurityProducts lists the protection that the kernel has and that is installed. Products that run as a service
// are on while it has processes; where the agent cannot see services, their state is left open.
func collectSecurityProducts(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	var services map[string]bool
	if exists(h, "run/systemd/system") {
		services = runningUnits(h)
	}
	for _, row := range []*inventoryv1.SecurityProduct{appArmor(h), seLinux(h), ufw(h), nftables(h, services)} {
		if row != nil {
			snap.SecurityProducts = append(snap.SecurityProducts, row)
		}
	}
	for _, p := range securityProducts {
		if row := p.find(h, services); row != nil {
			snap.SecurityProducts = append(snap.SecurityProducts, row)
		}
	}
	if len(snap.SecurityProducts) == 0 {
		return ErrAbsent
	}
	return nil
}

// appArmor tells whether the kernel enforces profiles.
//
// Source: Documentation/admin-guide/LSM/apparmor.rst in the Linux kernel.
func appArmor(h host.Host) *inventoryv1.SecurityProduct {
	enabled := peek(h, "sys/module/apparmor/parameters/enabled")
	if enabled == "" {
		return nil
	}
	row := &inventoryv1.SecurityProduct{Name: fact("AppArmor"), Type: fact("mandatory_access_control"), State: onOff(enabled == "Y")}
	switch mode := peek(h, "sys/module/apparmor/parameters/mode"); mode {
	case "enforce":
		row.Mode = fact("enforcing")
	case "complain":
		row.Mode = fact("permissive")
	default:
		row.Mode = fact(mode)
	}
	return row
}

// seLinux tells whether the kernel enforces a policy; configured and switched off is off.
//
// Source: selinux(8), selinux_config(5).
func seLinux(h host.Host) *inventoryv1.SecurityProduct {
	row := &inventoryv1.SecurityProduct{Name: fact("SELinux"), Type: fact("mandatory_access_control")}
	switch peek(h, "sys/fs/selinux/enforce") {
	case "1":
		row.State, row.Mode = fact("on"), fact("enforcing")
		return row
	case "0":
		row.State, row.Mode = fact("on"), fact("permissive")
		return row
	}
	config := settingOf(peek(h, "etc/selinux/config"), "SELINUX")
	if config == "" {
		return nil
	}
	row.State = fact("off") // the kernel shows no policy, whatever the file wants for the next start
	return row
}

// ufw tells whether the uncomplicated firewall is switched on.
//
// Source: ufw(8), /etc/ufw/ufw.conf.
func ufw(h host.Host) *inventoryv1.SecurityProduct {
	enabled := settingOf(peek(h, "etc/ufw/ufw.conf"), "ENABLED")
	if enabled == "" || !exists(h, "usr/sbin/ufw") {
		return nil // removed, and its configuration stayed
	}
	return &inventoryv1.SecurityProduct{Name: fact("ufw"), Type: fact("firewall"), State: onOff(truth(enabled))}
}

// nftables tells whether rules are loaded at start. Whether there are any now, the kernel tells only its administrator.
func nftables(h host.Host, services map[string]bool) *inventoryv1.SecurityProduct {
	if !exists(h, "usr/sbin/nft") || services == nil {
		return nil // a tool alone protects nothing
	}
	units := findUnits(h, &memo{})
	if _, known := units.paths["nftables.service"]; !known {
		return nil
	}
	return &inventoryv1.SecurityProduct{Name: fact("nftables"), Type: fact("firewall"), State: onOff(units.scope("nftables.service") > vendors)}
}

// settingOf returns a value of a file of NAME=value lines, without quotes.
func settingOf(text, name string) string {
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && strings.TrimSpace(key) == name {
			return strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	return ""
}

// product is one that is known by the files it installs.
type product struct {
	name, kind, vendor string
	// files of which one is there where the product is.
	files []string
	// services of which one runs while the product protects.
	services []string
}

// securityProducts are known by where their vendors install them.
var securityProducts = []product{
	{name: "firewalld", kind: "firewall", files: []string{"usr/sbin/firewalld"}, services: []string{"firewalld.service"}},
	{
		name: "ClamAV", kind: "antivirus", vendor: "Cisco", files: []string{"usr/sbin/clamd", "usr/bin/clamscan"},
		services: []string{"clamav-daemon.service", "clamd.service", "clamd@scan.service"},
	},
	{name: "Falcon Sensor", kind: "edr", vendor: "CrowdStrike", files: []string{"opt/CrowdStrike/falcond"}, services: []string{"falcon-sensor.service"}},
	{
		name: "Singularity", kind: "edr", vendor: "SentinelOne", files: []string{"opt/sentinelone/bin/sentinelctl"},
		services: []string{"sentinelone.service"},
	},
	{
		name: "Microsoft Defender for Endpoint", kind: "edr", vendor: "Microsoft", files: []string{"opt/microsoft/mdatp/sbin/wdavdaemon"},
		services: []string{"mdatp.service"},
	},
	{
		name: "Sophos Protection for Linux", kind: "edr", vendor: "Sophos", files: []string{"opt/sophos-spl/bin/sophos_managementagent"},
		services: []string{"sophos-spl.service"},
	},
	{name: "Cortex XDR", kind: "edr", vendor: "Palo Alto Networks", files: []string{"opt/traps/bin/pmd"}, services: []string{"traps_pmd.service"}},
	{
		name: "Carbon Black Cloud", kind: "edr", vendor: "Broadcom", files: []string{"opt/carbonblack/psc/bin/cbagentd"},
		services: []string{"cbagentd.service"},
	},
	{name: "Elastic Endpoint", kind: "edr", vendor: "Elastic", files: []string{"opt/Elastic/Endpoint/elastic-endpoint"}, services: []string{"ElasticEndpoint.service"}},
	{name: "Wazuh agent", kind: "edr", vendor: "Wazuh", files: []string{"var/ossec/bin/wazuh-agentd"}, services: []string{"wazuh-agent.service"}},
	{
		name: "ESET Endpoint", kind: "antivirus", vendor: "ESET", files: []string{"opt/eset/eea/sbin/startd", "opt/eset/efs/sbin/startd"},
		services: []string{"eea.service", "efs.service"},
	},
	{name: "Deep Security Agent", kind: "edr", vendor: "Trend Micro", files: []string{"opt/ds_agent/ds_agent"}, services: []string{"ds_agent.service"}},
	{name: "fail2ban", kind: "firewall", files: []string{"usr/bin/fail2ban-server"}, services: []string{"fail2ban.service"}},
}

// find describes the product if it is installed.
func (p product) find(h host.Host, running map[string]bool) *inventoryv1.SecurityProduct {
	for _, file := range p.files {
		if !exists(h, file) {
			continue
		}
		row := &inventoryv1.SecurityProduct{Name: fact(p.name), Type: fact(p.kind), Vendor: fact(p.vendor)}
		if running != nil {
			on := false
			for _, service := range p.services {
				on = on || running[service]
			}
			row.State = onOff(on)
		}
		return row
	}
	return nil
}
