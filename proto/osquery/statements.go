// SPDX-License-Identifier: Apache-2.0

package osquery

// on has the lists of Query.on.
var (
	onLinux   = []string{"linux"}
	onMac     = []string{"darwin"}
	onWindows = []string{"windows"}
)

// statements are written to osquery's public table schema. A table whose columns grew over the versions is read with *,
// because a column that an older osquery lacks would fail the whole statement; columns that nobody maps are passed over. A value
// that a table does not have is NULL or empty, as the version has it.
// Tables below a user are joined from the left, so that they are read once for each user and not only for osquery's own.
var statements = []Query{
	{
		Name: "system_info", Kind: "system_info", Tables: []string{"system_info"},
		SQL: `SELECT 'system_info' AS table_name, * FROM system_info`,
	},
	{
		Name: "uptime", Tables: []string{"uptime"},
		SQL: `SELECT 'uptime' AS table_name, total_seconds FROM uptime`,
	},
	{
		Name: "os_version", Kind: "os_version", Tables: []string{"os_version"},
		SQL: `SELECT 'os_version' AS table_name, * FROM os_version`,
	},
	{
		Name: "windows_build", Kind: "os_version", Tables: []string{"registry"}, on: onWindows,
		SQL: `SELECT 'windows_build' AS table_name,
	max(CASE name WHEN 'CurrentBuild' THEN data END) AS build,
	max(CASE name WHEN 'UBR' THEN data END) AS revision,
	max(CASE name WHEN 'EditionID' THEN data END) AS edition
FROM registry
WHERE key = 'HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
	AND name IN ('CurrentBuild', 'UBR', 'EditionID')`,
	},
	{
		// The loopback interface and addresses that the machine gave itself are left out.
		Name: "network_interface", Kind: "network_interfaces", Tables: []string{"interface_addresses", "interface_details"},
		SQL: `SELECT 'network_interface' AS table_name, a.interface, d.mac, d.mtu, a.address, a.mask, a.broadcast
FROM interface_addresses AS a JOIN interface_details AS d USING (interface)
WHERE d.mac NOT IN ('', '00:00:00:00:00:00')
	AND (ifnull(a.broadcast, '') <> '' OR ifnull(a.type, '') NOT IN ('', 'unknown', 'auto'))`,
	},
	{
		// The kernel counts in sectors of 512 bytes, whatever the disk's own are. osquery does not tell how a disk is
		// attached: what hangs on USB mostly says so in its name.
		Name: "disks", Kind: "disks", Tables: []string{"block_devices"}, on: onLinux,
		SQL: `SELECT 'disks' AS table_name, name, CAST(size AS INTEGER) * 512 AS size, vendor, model
FROM block_devices
WHERE ifnull(parent, '') = '' AND CAST(size AS INTEGER) > 0
	AND name NOT LIKE '/dev/dm-%' AND name NOT LIKE '/dev/mapper/%' AND name NOT LIKE '/dev/md%'
	AND name NOT LIKE '/dev/loop%' AND name NOT LIKE '/dev/ram%' AND name NOT LIKE '/dev/zram%'
	AND name NOT LIKE '/dev/nbd%' AND name NOT LIKE '/dev/sr%' AND name NOT LIKE '/dev/fd%'
	AND ifnull(vendor, '') || ' ' || ifnull(model, '') NOT LIKE '%usb%'`,
	},
	{
		// The volumes of system and data: what a Mac calls its disk.
		Name: "disks", Kind: "disks", Tables: []string{"mounts", "block_devices", "disk_encryption"}, on: onMac,
		SQL: `SELECT 'disks' AS table_name, m.device AS name, m.blocks * m.blocks_size AS size, m.path, b.label,
	e.encryption_status, e.filevault_status
FROM mounts AS m
	LEFT JOIN block_devices AS b ON b.name = m.device
	LEFT JOIN disk_encryption AS e ON e.name = m.device
WHERE m.path IN ('/', '/System/Volumes/Data')`,
	},
	{
		Name: "disks", Kind: "disks", Tables: []string{"disk_info"}, on: onWindows,
		SQL: `SELECT 'disks' AS table_name, name, disk_size AS size, manufacturer AS vendor, hardware_model AS model, serial
FROM disk_info WHERE ifnull(type, '') NOT IN ('USB', '1394')`,
	},
	{
		Name: "apps", Kind: "osx_app_instances", Tables: []string{"apps"}, on: onMac,
		SQL: `SELECT 'apps' AS table_name, bundle_identifier AS bundle_id, bundle_name, display_name, bundle_version,
	bundle_short_version AS bundle_version_str, path AS bundle_path
FROM apps`,
	},
	{
		Name: "programs", Kind: "program_instances", Tables: []string{"programs"}, on: onWindows,
		SQL: `SELECT 'programs' AS table_name, * FROM programs`,
	},
	{
		Name: "deb_packages", Kind: "deb_packages", Tables: []string{"deb_packages"}, on: onLinux,
		SQL: `SELECT 'deb_packages' AS table_name, name, version, source, size, arch, revision, status, maintainer, section, priority
FROM deb_packages`,
	},
	{
		Name: "rpm_packages", Kind: "rpm_packages", Tables: []string{"rpm_packages"}, on: onLinux,
		SQL: `SELECT 'rpm_packages' AS table_name, * FROM rpm_packages`,
	},
	{
		Name: "homebrew_packages", Kind: "brew_packages", Tables: []string{"homebrew_packages"}, on: onMac,
		SQL: `SELECT 'homebrew_packages' AS table_name, * FROM homebrew_packages`,
	},
	{
		Name: "python_packages", Kind: "python_packages", Tables: []string{"python_packages"},
		SQL: `SELECT 'python_packages' AS table_name, name, version, summary, author, license, path FROM python_packages`,
	},
	{
		Name: "npm_packages", Kind: "npm_packages", Tables: []string{"npm_packages"},
		SQL: `SELECT 'npm_packages' AS table_name, * FROM npm_packages`,
	},
	{
		Name: "chrome_extensions", Kind: "browser_extensions", Tables: []string{"users", "chrome_extensions"},
		SQL: `SELECT 'chrome_extensions' AS table_name, e.* FROM users AS u CROSS JOIN chrome_extensions AS e USING (uid)`,
	},
	{
		Name: "firefox_addons", Kind: "browser_extensions", Tables: []string{"users", "firefox_addons"},
		SQL: `SELECT 'firefox_addons' AS table_name, e.* FROM users AS u CROSS JOIN firefox_addons AS e USING (uid)`,
	},
	{
		// Certificates that a management service gave the machine.
		Name: "certificates", Kind: "certificates", Tables: []string{"certificates"}, on: onMac,
		SQL: `SELECT 'certificates' AS table_name, * FROM certificates
WHERE ifnull(ca, 0) = 0 AND ` + fromManagement,
	},
	{
		Name: "certificates", Kind: "certificates", Tables: []string{"certificates"}, on: onWindows,
		SQL: `SELECT 'certificates' AS table_name, * FROM certificates
WHERE store = 'Personal' AND ` + fromManagement,
	},
	{
		Name: "company_portal", Kind: "principal_user", Tables: []string{"users", "plist"}, on: onMac,
		SQL: `SELECT 'company_portal' AS table_name, p.path, p.key, p.value
FROM users AS u CROSS JOIN plist AS p
WHERE u.directory LIKE '/Users/%'
	AND p.path = u.directory || '/Library/Application Support/com.microsoft.CompanyPortalMac.usercontext.info'
	AND p.key IN ('aadUniqueId', 'aadUserId', 'aadAuthorityUrl', 'version')`,
	},
	{
		Name: "ec2_instance_metadata", Kind: "ec2_instance_metadata", Tables: []string{"system_info", "ec2_instance_metadata"}, on: []string{"linux", "windows"},
		SQL: `SELECT 'ec2_instance_metadata' AS table_name, e.* FROM system_info AS s CROSS JOIN ec2_instance_metadata AS e
WHERE ` + inEC2,
	},
	{
		Name: "ec2_instance_tags", Kind: "ec2_instance_tags", Tables: []string{"system_info", "ec2_instance_tags"}, on: []string{"linux", "windows"},
		SQL: `SELECT 'ec2_instance_tags' AS table_name, e.key, e.value FROM system_info AS s CROSS JOIN ec2_instance_tags AS e
WHERE ` + inEC2,
	},
}

// inEC2 keeps machines elsewhere from calling a metadata service that is not there: SQLite reads the right side of a
// CROSS JOIN only for rows of the left that pass.
//
// Source: Amazon EC2 user guide, "Identify EC2 instances": the vendor on Nitro, the beginning of the UUID, in either order
// of its bytes, and the version of the firmware on Xen.
const inEC2 = `(s.hardware_vendor LIKE '%amazon%' OR s.hardware_version LIKE '%amazon%'
	OR s.uuid LIKE 'ec2_____-%' OR s.uuid LIKE '____2_ec-%')`
