// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"strings"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// cloudFirmware is what a cloud writes into the firmware of its machines.
type cloudFirmware struct {
	vendor, biosVendor, biosVersion, product, uuid, serial, chassisTag, hypervisorUUID string
}

// readCloudFirmware reads it without any privilege where the system shows it, else from the firmware's table. UUID and
// serial number may be missing for want of privilege.
func readCloudFirmware(h host.Host) cloudFirmware {
	const dmi = "sys/class/dmi/id/"
	f := cloudFirmware{
		vendor: peek(h, dmi+"sys_vendor"), biosVendor: peek(h, dmi+"bios_vendor"), biosVersion: peek(h, dmi+"bios_version"),
		product: peek(h, dmi+"product_name"), uuid: peek(h, dmi+"product_uuid"), serial: peek(h, dmi+"product_serial"),
		chassisTag: peek(h, dmi+"chassis_asset_tag"), hypervisorUUID: peek(h, "sys/hypervisor/uuid"),
	}
	if f.vendor != "" || f.biosVendor != "" {
		return f
	}
	table, err := readSMBIOS(h)
	if err != nil {
		return f
	}
	s, b := table.system(), table.bios()
	f.vendor, f.product, f.uuid, f.serial, f.chassisTag = s.Manufacturer, s.Product, s.UUID, s.Serial, s.AssetTag
	f.biosVendor, f.biosVersion = b.GetVendor(), b.GetVersion()
	return f
}

// The clouds whose metadata services are known here.
const (
	cloudAWS   = "aws"
	cloudAzure = "azure"
	cloudGCP   = "gcp"
)

// azureChassis is the chassis asset tag of every virtual machine in Azure; its Hyper-V siblings elsewhere lack it.
const azureChassis = "7783-7084-3265-9085-8269-3286-77"

// cloud names the cloud that the firmware speaks of and whose metadata service may be asked; "" elsewhere.
//
// Sources: Amazon EC2 user guide, "Determine whether an instance is an EC2 instance"; Azure's and Google's guides to
// detecting their virtual machines.
func (f cloudFirmware) cloud() string {
	switch {
	case f.vendor == "Amazon EC2", strings.Contains(strings.ToLower(f.biosVersion+f.biosVendor), "amazon"),
		f.vendor == "Xen" && (isEC2UUID(f.uuid) || isEC2UUID(f.serial)), strings.HasPrefix(strings.ToLower(f.hypervisorUUID), "ec2"):
		return cloudAWS
	case f.chassisTag == azureChassis:
		return cloudAzure
	case f.product == "Google Compute Engine":
		return cloudGCP
	}
	return ""
}

// isEC2UUID tells whether a UUID begins with ec2, in the order of its text or with its first field turned round, as on
// Amazon's machines on Xen. One random UUID in two thousand does so too, so it is asked only beside Xen's own firmware.
func isEC2UUID(s string) bool {
	s = strings.ToLower(s)
	if len(s) != 36 {
		return false
	}
	return strings.HasPrefix(s, "ec2") || strings.HasPrefix(s[6:8]+s[4:6], "ec2")
}
