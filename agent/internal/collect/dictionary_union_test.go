// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// union is what programs for inventory collect, none of them all of it: by group, what it is and where it is here, in words
// of "what: field field". A field is one of the inventory or, behind "sync:", of the check-in; "left out" is a row of the
// list of what is left out on purpose.
var union = map[string]string{
	"system": `
		host name: system_info.hostname system_info.computer_name
		full name: system_info.fqdn
		machine id: system_info.machine_id
		UUID: system_info.uuid
		boot time: left out, sync:Vitals.boot_time_unix
		uptime: left out, sync:Vitals.uptime_seconds
		time zone: system_info.timezone
		hypervisor: system_info.hypervisor
		container: system_info.container
		chassis: system_info.chassis_type`,
	"hardware": `
		maker: system_info.hardware_vendor
		model: system_info.hardware_model system_info.hardware_version
		serial number: system_info.hardware_serial
		board: board.vendor board.name board.serial
		firmware: bios.vendor bios.version bios.date
		TPM: system_info.tpm_version
		secure boot: system_info.secure_boot
		asset tag: system_info.asset_tag board.asset_tag
		processor: processors.brand processors.sockets processors.cores processors.threads processors.microcode processors.max_mhz
		memory: system_info.physical_memory
		modules: memory_modules.slot memory_modules.size memory_modules.type memory_modules.speed_mts memory_modules.vendor
		modules' numbers: memory_modules.part_number memory_modules.serial
		charge: left out`,
	"OS": `
		id: os_version.id
		name: os_version.name
		version: os_version.major os_version.minor os_version.patch os_version.version
		build: os_version.build
		code name: os_version.codename
		kernel: system_info.kernel_name system_info.kernel_version
		architecture: system_info.cpu_type
		installed on: system_info.os_install_date`,
	"disks": `
		drive: disks.name disks.model disks.serial disks.size disks.bus disks.rotational disks.removable
		encryption: disks.encryption_status disks.filevault_status filesystems.encrypted
		partition: partitions.name partitions.size partitions.uuid partitions.label
		mount: filesystems.device filesystems.path filesystems.type filesystems.options filesystems.size filesystems.inodes
		free space: left out, sync:FilesystemUse.free_bytes
		free inodes: left out`,
	"network": `
		interface: network_interfaces.interface network_interfaces.mac network_interfaces.type network_interfaces.driver
		link: network_interfaces.mtu network_interfaces.speed_mbps network_interfaces.duplex
		state of a link: left out
		address: network_interfaces.address network_interfaces.mask
		gateway: routes.gateway
		DNS: dns_servers.address dns_servers.search
		DHCP: network_interfaces.dhcp
		lease expiry: left out
		route: routes.destination routes.interface routes.metric`,
	"users": `
		account: users.name users.uid users.gid users.description users.home users.shell
		last login: left out
		password and its hash: left out
		group: local_groups.name local_groups.members`,
	"packages": `
		deb: deb_packages.name deb_packages.version deb_packages.arch deb_packages.source deb_packages.source_version
		deb's origin: deb_packages.maintainer deb_packages.section deb_packages.size deb_packages.homepage deb_packages.summary
		deb's state: deb_packages.status deb_packages.install_time deb_packages.purl
		rpm: rpm_packages.name rpm_packages.version rpm_packages.epoch rpm_packages.release rpm_packages.arch rpm_packages.source
		rpm's origin: rpm_packages.vendor rpm_packages.size rpm_packages.homepage rpm_packages.summary
		rpm's state: rpm_packages.install_time rpm_packages.purl
		apk: apk_packages.name apk_packages.version apk_packages.arch apk_packages.source apk_packages.purl apk_packages.install_time
		pacman: pacman_packages.name pacman_packages.version pacman_packages.source pacman_packages.install_time pacman_packages.purl
		snap: snap_packages.name snap_packages.version snap_packages.publisher snap_packages.install_time snap_packages.purl
		flatpak: flatpak_apps.name flatpak_apps.version flatpak_apps.origin flatpak_apps.install_time flatpak_apps.purl
		brew: brew_packages.name brew_packages.version brew_packages.install_time brew_packages.purl
		receipt: receipts.package_id receipts.version receipts.install_time
		MSI: program_instances.program.name program_instances.program.version program_instances.purl
		Appx: windows_store_apps.name windows_store_apps.version windows_store_apps.purl
		chocolatey: left out`,
	"apps": `
		application: osx_app_instances.app.bundle_name osx_app_instances.app.bundle_id osx_app_instances.app.bundle_version
		version: osx_app_instances.app.bundle_version_str program_instances.program.version
		place: osx_app_instances.bundle_path program_instances.install_location
		team: osx_app_instances.team_id
		last opened: left out
		publisher: program_instances.program.publisher
		installed on: program_instances.install_date
		product code: program_instances.program.identifying_number
		upgrade code: program_instances.program.upgrade_code
		phones: android_apps.display_name ios_apps.name`,
	"components": `
		npm: npm_packages.name npm_packages.version npm_packages.path npm_packages.purl
		python: python_packages.name python_packages.version python_packages.path python_packages.purl
		gem: gem_packages.name gem_packages.version gem_packages.path gem_packages.purl
		jar: java_components.name java_components.version java_components.path java_components.purl
		virtual machine: jvms.main_method jvms.java_version jvms.archives.path
		Go: go_binaries.name go_binaries.version go_binaries.path go_binaries.modules.path go_binaries.modules.version`,
	"extensions": `
		extension: browser_extensions.browser browser_extensions.identifier browser_extensions.name browser_extensions.version
		rights: browser_extensions.permissions`,
	"services and ports": `
		service: services.name services.state services.start_type services.path services.user
		task: scheduled_tasks.name scheduled_tasks.schedule scheduled_tasks.command
		port: listening_ports.protocol listening_ports.port listening_ports.address listening_ports.process
		processes: left out`,
	"certificates": `
		names: certificates.subject certificates.issuer certificates.serial_number
		validity: certificates.valid_from certificates.valid_until
		digests: certificates.sha_1 certificates.sha_256
		key: certificates.key_algorithm certificates.key_size
		CA: certificates.is_ca certificates.is_self_signed
		place: certificates.path trusted_certificates.path
		private keys: left out`,
	"repositories":    `repository: repositories.url repositories.distribution repositories.components repositories.signature_checked`,
	"pending updates": `update: pending_updates.name pending_updates.version pending_updates.installed_version`,
	"EC2": `
		document: ec2_instance_metadata.identity_document ec2_instance_metadata.identity_signature
		tags: ec2_instance_tags.key ec2_instance_tags.value
		life cycle: ec2_instance_metadata.life_cycle
		network: ec2_instance_metadata.vpc_id ec2_instance_metadata.subnet_id ec2_instance_metadata.security_group_ids
		role: ec2_instance_metadata.iam_arn`,
	"agent": `
		version: sync:Health.agent_version
		errors: sync:CollectorTrouble.message sync:CollectorTrouble.collector
		times: sync:CollectorRun.duration_milliseconds`,
}

// TestDictionaryCoversTheUnion finds every field of the union in the model and on the page, or on it why it is left out.
func TestDictionaryCoversTheUnion(t *testing.T) {
	t.Parallel()
	table, rows := readDictionary(t), dictionaryRows(t)
	var paths []string
	for _, f := range modelFields() {
		paths = append(paths, f.path)
	}
	for group, text := range union {
		for line := range strings.Lines(strings.TrimSpace(text)) {
			what, fields, _ := strings.Cut(strings.TrimSpace(line), ": ")
			rest, leftOut := strings.CutPrefix(fields, "left out")
			if leftOut && !rows["What is left out on purpose."+what] {
				t.Errorf("%s: no word on why %s is left out", group, what)
			}
			named := strings.Fields(strings.TrimPrefix(rest, ","))
			if len(named) == 0 && !leftOut {
				t.Errorf("%s: %s has no field", group, what)
			}
			for _, path := range named {
				if message, ok := strings.CutPrefix(path, "sync:"); ok {
					if !inCheckIn(message) || !rows["What the agent tells about itself."+message] {
						t.Errorf("%s, %s: %s is not in the check-in, or not on the page", group, what, message)
					}
				} else if !slices.Contains(paths, path) || !rows[path] {
					t.Errorf("%s, %s: %s is not in the model, or not on the page", group, what, path)
				}
			}
		}
	}
	for _, row := range table.LeftOut {
		if !strings.Contains(union[row.Of], "\t"+row.What+": left out") {
			t.Errorf("%s of %s is left out by coverage.yaml and not in the union", row.What, row.Of)
		}
		if row.Sync != "" && !inCheckIn(row.Sync) {
			t.Errorf("%s is not in the check-in", row.Sync)
		}
	}
	for _, row := range table.Agent {
		if !inCheckIn(row.Field) {
			t.Errorf("%s is not in the check-in", row.Field)
		}
	}
}

// inCheckIn tells whether a message of the protocol has a field, both in one name.
func inCheckIn(path string) bool {
	message, field, _ := strings.Cut(path, ".")
	m := syncv1.File_rollcall_sync_v1_sync_proto.Messages().ByName(protoreflect.Name(message))
	return m != nil && m.Fields().ByName(protoreflect.Name(field)) != nil
}
