#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the trees macos-15 and the outputs of its programs, from the public formats that macos-15/README.md names.

Nothing in them was captured from a machine. Run it in this folder; it gives the same bytes every time.
"""
import datetime
import hashlib
import os
import plistlib
import struct

ROOT = "macos-15"


def write(name, raw):
    path = os.path.join(ROOT, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(raw)


def xml(name, value):
    write(name, plistlib.dumps(value, fmt=plistlib.FMT_XML))


def binary(name, value):
    write(name, plistlib.dumps(value, fmt=plistlib.FMT_BINARY))


def day(*args):
    return datetime.datetime(*args)


def blob(magic, raw):
    return struct.pack(">II", magic, 8 + len(raw)) + raw


def code_directory(identifier, team, hash_type, size, flags=0):
    """A code directory without page hashes, of the version that has room for a team."""
    names = identifier.encode() + b"\0"
    offset = 52
    team_at = offset + len(names) if team else 0
    if team:
        names += team.encode() + b"\0"
    head = struct.pack(">IIIIIIIBBBBIII", 0x20200, flags, offset + len(names), offset, 0, 0, 0, size, hash_type, 0, 12, 0, 0, team_at)
    return blob(0xFADE0C02, head + names)


def signature(identifier, team, entitlements):
    """Code directories with SHA-1 and SHA-256, as for old and new systems, and entitlements."""
    parts = [
        (0, code_directory(identifier, team, 1, 20)),
        (5, blob(0xFADE7171, plistlib.dumps(entitlements))),
        (0x1000, code_directory(identifier, team, 2, 32)),
    ]
    at, index, body = 12 + 8 * len(parts), b"", b""
    for slot, raw in parts:
        index += struct.pack(">II", slot, at + len(body))
        body += raw
    print(identifier, hashlib.sha256(parts[2][1]).hexdigest()[:40])
    return struct.pack(">III", 0xFADE0CC0, at + len(body), len(parts)) + index + body


def program(cpu, identifier, team, entitlements):
    """A program that is a header, LC_CODE_SIGNATURE and a signature."""
    sig = signature(identifier, team, entitlements)
    head = struct.pack("<IIIIIIII", 0xFEEDFACF, cpu, 0, 2, 1, 16, 0, 0)
    return head + struct.pack("<IIII", 0x1D, 16, 64, len(sig)) + bytes(16) + sig


def fat(*slices):
    at, table, body = 4096, b"", b""
    for cpu, raw in slices:
        table += struct.pack(">IIIII", cpu, 0, at + len(body), len(raw), 12)
        body += raw + bytes(-len(raw) % 4096)
    raw = struct.pack(">II", 0xCAFEBABE, len(slices)) + table
    return raw + bytes(4096 - len(raw)) + body


ARM64, AMD64 = 0x0100000C, 0x01000007


def apps():
    acme = "Applications/Acme Editor.app/Contents/"
    xml(acme + "Info.plist", {
        "CFBundleIdentifier": "com.example.acme.editor", "CFBundleName": "Acme Editor", "CFBundleDisplayName": "Acme Editor",
        "CFBundleExecutable": "Acme Editor", "CFBundleShortVersionString": "4.2.1", "CFBundleVersion": "4210", "CFBundlePackageType": "APPL",
        "LSMinimumSystemVersion": "12.0",
    })
    rights = {"com.apple.security.app-sandbox": True, "com.apple.security.application-groups": ["ABCDE12345.shared"]}
    write(acme + "MacOS/Acme Editor", fat(
        (AMD64, program(AMD64, "com.example.acme.editor.intel", "ABCDE12345", rights)),
        (ARM64, program(ARM64, "com.example.acme.editor", "ABCDE12345", rights)),
    ))
    console = "System/Applications/Utilities/Console.app/Contents/"
    binary(console + "Info.plist", {
        "CFBundleIdentifier": "com.apple.Console", "CFBundleName": "Console", "CFBundleExecutable": "Console",
        "CFBundleShortVersionString": "1.1", "CFBundleVersion": "415",
    })
    write(console + "MacOS/Console", program(ARM64, "com.apple.Console", "", {}))
    binary("Applications/Play.app/Wrapper/Play.app/Info.plist", {
        "CFBundleIdentifier": "com.example.play", "CFBundleName": "Play", "CFBundleExecutable": "Play",
        "CFBundleShortVersionString": "2.0", "CFBundleVersion": "7",
    })
    # versions as numbers, which their makers should not write and some do
    xml("Users/ada/Applications/Tool.app/Contents/Info.plist", {
        "CFBundleIdentifier": "com.example.tool", "CFBundleExecutable": "tool.sh", "CFBundleShortVersionString": 1.5, "CFBundleVersion": 3,
    })
    write("Users/ada/Applications/Tool.app/Contents/MacOS/tool.sh", b"#!/bin/sh\n")
    write("Users/ada/Downloads/Broken.app/Contents/Info.plist", b"bplist00 and no more")


def system():
    xml("System/Library/CoreServices/SystemVersion.plist", {
        "BuildID": "8C7A4C4E-0000-11EF-9D2B-000000000000", "ProductBuildVersion": "24G90", "ProductCopyright": "1983-2025 Apple Inc.",
        "ProductName": "macOS", "ProductUserVisibleVersion": "15.6.1", "ProductVersion": "15.6.1", "iOSSupportVersion": "18.6",
    })
    service = "0E5C1E6B-6B5C-4B8E-9D43-000000000001"
    xml("Library/Preferences/SystemConfiguration/preferences.plist", {
        "CurrentSet": "/Sets/A0000000-0000-0000-0000-000000000001",
        "NetworkServices": {service: {
            "DNS": {}, "IPv4": {"ConfigMethod": "DHCP"}, "IPv6": {"ConfigMethod": "Automatic"},
            "Interface": {"DeviceName": "en0", "Hardware": "AirPort", "Type": "Ethernet", "UserDefinedName": "Wi-Fi"}, "UserDefinedName": "Wi-Fi",
        }},
        "Sets": {"A0000000-0000-0000-0000-000000000001": {"Network": {"Global": {"IPv4": {"ServiceOrder": [service]}}}, "UserDefinedName": "Automatic"}},
        "System": {"Network": {"HostNames": {"LocalHostName": "Adas-Air"}}, "System": {"ComputerName": "Ada\u2019s Air", "ComputerNameEncoding": 0}},
    })
    binary("Library/Preferences/SystemConfiguration/NetworkInterfaces.plist", {
        "Interfaces": [{
            "Active": True, "BSD Name": "en0", "IOBuiltin": True, "IOInterfaceNamePrefix": "en", "IOInterfaceType": 6, "IOInterfaceUnit": 0,
            "IOMACAddress": bytes.fromhex("a4cf99010203"), "SCNetworkInterfaceInfo": {"UserDefinedName": "Wi-Fi"}, "SCNetworkInterfaceType": "IEEE80211",
        }], "Model": "Mac14,2",
    })
    binary("var/db/dhcpclient/leases/en0.plist", {
        "ClientIdentifier": bytes.fromhex("01a4cf99010203"), "IPAddress": "192.168.1.23", "LeaseLength": 86400,
        "LeaseStartDate": day(2026, 1, 2, 3, 4, 5), "RouterIPAddress": "192.168.1.1", "SSID": "home",
    })
    write("var/run/resolv.conf", b"#\n# macOS Notice\n#\nsearch home.example\nnameserver 192.168.1.1\nnameserver fe80::1%en0\n")
    xml("Library/Preferences/.GlobalPreferences.plist", {"AppleLocale": "de_DE"})
    xml("Library/Receipts/InstallHistory.plist", [
        {"date": day(2025, 8, 21, 7, 0, 1), "displayName": "macOS 15.6.1", "displayVersion": "15.6.1", "processName": "softwareupdated"},
        {"date": day(2023, 5, 4, 9, 8, 7), "displayName": "macOS 13.3.1", "displayVersion": "13.3.1", "processName": "macOS Installer"},
    ])
    binary("var/db/receipts/com.example.acme.agent.plist", {
        "InstallDate": day(2024, 2, 29, 12, 30, 45), "InstallPrefixPath": "/", "InstallProcessName": "installer",
        "PackageFileName": "acme-agent.pkg", "PackageIdentifier": "com.example.acme.agent", "PackageVersion": "1.0.3",
    })
    binary("Library/Preferences/com.apple.loginwindow.plist", {"lastUser": "loggedIn", "lastUserName": "ada", "GuestEnabled": False})


def jobs():
    xml("Library/LaunchDaemons/com.example.acme.agent.plist", {
        "Label": "com.example.acme.agent", "ProgramArguments": ["/usr/local/bin/acme", "--token=s3cr3t", "run"], "KeepAlive": {"SuccessfulExit": False},
        "UserName": "_acme",
    })
    binary("System/Library/LaunchDaemons/com.apple.periodic-daily.plist", {
        "Label": "com.apple.periodic-daily", "ProgramArguments": ["/usr/libexec/periodic-wrapper", "daily"], "Disabled": False,
        "StartCalendarInterval": [{"Hour": 3, "Minute": 15}, {"Weekday": 6}],
    })
    xml("Library/LaunchAgents/com.example.update.plist", {"Label": "com.example.update", "Program": "/opt/update", "StartInterval": 3600, "RunAtLoad": True})
    xml("var/db/com.apple.xpc.launchd/disabled.plist", {"com.example.update": True})


def accounts():
    users = "var/db/dslocal/nodes/Default/users/"
    binary(users + "ada.plist", {
        "name": ["ada", "com.apple.idms.appleid.prd.000"], "realname": ["Ada Lovelace"], "uid": ["501"], "gid": ["20"], "home": ["/Users/ada"],
        "shell": ["/bin/zsh"], "generateduid": ["5A1B0000-0000-4000-8000-000000000001"], "authentication_authority": [";ShadowHash;HASHLIST:<SALTED-SHA512-PBKDF2>"],
        "ShadowHashData": [b"not for anybody"], "passwd": ["********"], "accountPolicyData": [plistlib.dumps({"failedLoginCount": 0})],
    })
    binary(users + "root.plist", {
        "name": ["root"], "realname": ["System Administrator"], "uid": ["0"], "gid": ["0"], "home": ["/var/root"], "shell": ["/bin/sh"],
        "generateduid": ["FFFFEEEE-DDDD-CCCC-BBBB-AAAA00000000"], "passwd": ["*"],
    })
    binary(users + "bob.plist", {
        "name": ["bob"], "uid": ["502"], "gid": ["20"], "home": ["/Users/bob"], "shell": ["/bin/zsh"],
        "authentication_authority": [";DisabledUser;;ShadowHash;HASHLIST:<SALTED-SHA512-PBKDF2>"],
    })
    groups = "var/db/dslocal/nodes/Default/groups/"
    binary(groups + "admin.plist", {"name": ["admin"], "realname": ["Administrators"], "gid": ["80"], "users": ["root", "ada"]})
    binary(groups + "staff.plist", {"name": ["staff"], "realname": ["Staff"], "gid": ["20"], "users": ["root"]})


def protection():
    core = "Library/Apple/System/Library/CoreServices/"
    xml(core + "XProtect.bundle/Contents/Info.plist", {"CFBundleIdentifier": "com.apple.XProtect", "CFBundleShortVersionString": "5310"})
    xml(core + "XProtect.app/Contents/Info.plist", {
        "CFBundleIdentifier": "com.apple.XProtectFramework.XProtect", "CFBundleName": "XProtect", "CFBundleShortVersionString": "151", "CFBundleVersion": "151",
    })
    xml("var/db/SystemPolicy-prefs.plist", {"enabled": "yes"})
    xml("var/db/gkopaque.bundle/Contents/Info.plist", {"CFBundleShortVersionString": "94"})
    binary("Library/Preferences/com.apple.alf.plist", {"globalstate": 1, "stealthenabled": 0})
    xml("Library/SystemExtensions/db.plist", {"version": 1, "extensions": [
        {
            "identifier": "com.example.guard.sensor", "teamID": "GUARD67890", "state": "activated_enabled",
            "bundleVersion": {"CFBundleShortVersionString": "7.9", "CFBundleVersion": "790"}, "categories": ["com.apple.system_extension.endpoint_security"],
        },
        {
            "identifier": "com.example.guard.old", "teamID": "GUARD67890", "state": "terminated_waiting_to_uninstall_on_reboot",
            "bundleVersion": {"CFBundleShortVersionString": "7.8"}, "categories": ["com.apple.system_extension.endpoint_security"],
        },
        {"identifier": "com.example.driver", "teamID": "DRIVE00000", "state": "activated_enabled", "categories": ["com.apple.system_extension.driver_extension"]},
    ]})


def programs():
    """What the programs of the fixed list print."""
    xml("programs/platform-expert.plist", [{
        "IOClass": "IOPlatformExpertDevice", "IOPlatformSerialNumber": "C02EXAMPLE01", "IOPlatformUUID": "1B2C3D4E-5F60-4718-8293-A4B5C6D7E8F9",
        "manufacturer": b"Apple Inc.\0", "model": b"Mac14,2\0", "model-number": b"MLY33\0\0\0", "target-type": b"J413\0", "regulatory-model-number": b"A2681\0",
    }])
    xml("programs/chosen.plist", [{"system-firmware-version": b"iBoot-11881.140.96\0", "boot-uuid": b"00000000-0000-0000-0000-000000000001\0"}])
    xml("programs/battery.plist", [{
        "CycleCount": 87, "DesignCapacity": 4563, "DeviceName": "bq40z651", "Serial": "F8Y0000000000000A", "CurrentCapacity": 55, "IsCharging": False,
    }])
    data = "/System/Volumes/Data"
    volumes = [
        {"DeviceIdentifier": "disk3s1", "VolumeName": "Macintosh HD", "VolumeUUID": "00000000-1111-2222-3333-000000000001", "Size": 494384795648,
         "MountedSnapshots": [{"Sealed": "Yes", "SnapshotBSD": "/dev/disk3s1s1", "SnapshotMountPoint": "/", "SnapshotName": "com.apple.os.update-0"}]},
        {"DeviceIdentifier": "disk3s5", "VolumeName": "Data", "VolumeUUID": "00000000-1111-2222-3333-000000000005", "Size": 494384795648, "MountPoint": data},
        {"DeviceIdentifier": "disk3s6", "VolumeName": "VM", "VolumeUUID": "00000000-1111-2222-3333-000000000006", "Size": 494384795648, "MountPoint": "/System/Volumes/VM"},
    ]
    xml("programs/disk-list.plist", {
        "AllDisks": ["disk0", "disk0s1", "disk0s2", "disk3"], "WholeDisks": ["disk0", "disk3"], "VolumesFromDisks": ["Macintosh HD", "Data"],
        "AllDisksAndPartitions": [
            {"Content": "GUID_partition_scheme", "DeviceIdentifier": "disk0", "OSInternal": False, "Size": 500277792768, "Partitions": [
                {"Content": "Apple_APFS_ISC", "DeviceIdentifier": "disk0s1", "DiskUUID": "E0000000-0000-4000-8000-000000000001", "Size": 524288000},
                {"Content": "Apple_APFS", "DeviceIdentifier": "disk0s2", "DiskUUID": "E0000000-0000-4000-8000-000000000002", "Size": 494384795648},
            ]},
            {"Content": "EF57347C-0000-11AA-AA11-00306543ECAC", "DeviceIdentifier": "disk3", "OSInternal": False, "Size": 494384795648,
             "APFSPhysicalStores": [{"DeviceIdentifier": "disk0s2"}], "APFSVolumes": volumes, "Partitions": []},
        ],
    })

    def volume(device, name, role, number):
        return {
            "APFSVolumeUUID": "00000000-1111-2222-3333-%012d" % number, "CapacityInUse": 12345678, "CapacityQuota": 0, "CryptoMigrationOn": False,
            "DeviceIdentifier": device, "Encryption": role != "VM", "FileVault": role == "Data", "Locked": False, "Name": name, "Roles": [role],
        }

    xml("programs/apfs-list.plist", {"Containers": [
        {"APFSContainerUUID": "C0000000-0000-4000-8000-000000000003", "CapacityCeiling": 494384795648, "CapacityFree": 123456789, "ContainerReference": "disk3",
         "DesignatedPhysicalStore": "disk0s2", "Fusion": False, "PhysicalStores": [{"DeviceIdentifier": "disk0s2", "Size": 494384795648}],
         "Volumes": [volume("disk3s1", "Macintosh HD", "System", 1), volume("disk3s5", "Data", "Data", 5), volume("disk3s6", "VM", "VM", 6)]},
        {"APFSContainerUUID": "C0000000-0000-4000-8000-000000000009", "CapacityCeiling": 64000000000, "ContainerReference": "disk5",
         "DesignatedPhysicalStore": "disk4s2", "PhysicalStores": [{"DeviceIdentifier": "disk4s2"}], "Volumes": [volume("disk5s1", "Stick", "Data", 9)]},
    ]})
    xml("programs/profiles.plist", {"_computerlevel": [{
        "ProfileDescription": "Settings of the company", "ProfileDisplayName": "Wi-Fi", "ProfileIdentifier": "com.example.wifi",
        "ProfileInstallDate": "2024-05-01 10:00:00 +0000", "ProfileOrganization": "Example", "ProfileRemovalDisallowed": "true", "ProfileType": "Configuration",
        "ProfileUUID": "AAAAAAAA-0000-4000-8000-000000000001", "ProfileVerificationState": "verified", "ProfileVersion": 1,
        "ProfileItems": [{
            "PayloadContent": {"Password": "not for anybody"}, "PayloadDisplayName": "Office", "PayloadIdentifier": "com.example.wifi.office",
            "PayloadType": "com.apple.wifi.managed", "PayloadUUID": "BBBBBBBB-0000-4000-8000-000000000001", "PayloadVersion": 1,
        }],
    }]})


for part in (apps, system, jobs, accounts, protection, programs):
    part()
