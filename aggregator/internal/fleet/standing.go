// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// linuxStanding is what all Linux machines of a role share beside their packages.
func linuxStanding(role string) (snapshot.Sections, error) {
	s := &inventoryv1.Snapshot{
		OsVersion: &inventoryv1.OSVersion{
			Name: proto.String("Debian GNU/Linux"), Major: proto.Int64(12), Minor: proto.Int64(11),
			Id: proto.String("debian"), Codename: proto.String("bookworm"),
		},
		TrustedCertificates: trustStore(18),
	}
	for _, suite := range []string{"bookworm", "bookworm-updates", "bookworm-security"} {
		s.Repositories = append(s.Repositories, &inventoryv1.Repository{
			Type: proto.String("apt"), Url: proto.String("http://deb.example.org/debian"), Distribution: proto.String(suite),
			Components: []string{"main"}, Enabled: proto.Bool(true), Source: proto.String("/etc/apt/sources.list.d/debian.sources"),
		})
	}
	units := "ssh cron rsyslog chrony dbus systemd-journald systemd-logind systemd-udevd unattended-upgrades getty@tty1 apparmor networking " + role
	for unit := range strings.FieldsSeq(units) {
		s.Services = append(s.Services, &inventoryv1.Service{
			Name: proto.String(unit + ".service"), Description: proto.String("The " + unit + " service"), Type: proto.String("systemd"),
			StartType: proto.String("enabled"), State: proto.String("running"), Source: proto.String("/lib/systemd/system/" + unit + ".service"),
		})
	}
	s.Users, s.LocalGroups = systemUsers(), systemGroups()
	return snapshot.Split(s)
}

// trustStore returns invented certificate authorities.
func trustStore(count int) []*inventoryv1.Certificate {
	var roots []*inventoryv1.Certificate
	for i := range count {
		t := title{die: dieOf("root authority").of(i)}
		name := fmt.Sprintf("%s Root CA R%d", vendors[i%len(vendors)], i/len(vendors)+1)
		roots = append(roots, &inventoryv1.Certificate{
			CommonName: &name, Organization: &vendors[i%len(vendors)], Sha_1: proto.String(t.hex(0, 40)), Sha_256: proto.String(t.hex(1, 64)),
			SerialNumber: proto.String(t.hex(2, 32)), Subject: proto.String("CN=" + name + ",C=XX"), Issuer: proto.String("CN=" + name + ",C=XX"),
			ValidFrom: proto.String("2015-01-01T00:00:00"), ValidUntil: proto.String("2040-01-01T00:00:00"), KeyAlgorithm: proto.String("RSA"),
			KeySize: proto.Int64(4096), SignatureAlgorithm: proto.String("SHA256-RSA"), IsCa: proto.Bool(true), IsSelfSigned: proto.Bool(true),
		})
	}
	return roots
}

// windowsStanding is what all Windows machines of a role share beside their programs.
func windowsStanding(role string) (snapshot.Sections, error) {
	s := &inventoryv1.Snapshot{
		OsVersion: &inventoryv1.OSVersion{
			Name: proto.String("Windows 11"), Major: proto.Int64(10), Minor: proto.Int64(0), Build: proto.String("22631.4317"),
			Version: proto.String("23H2"), Edition: proto.String("Enterprise"),
		},
		TrustedCertificates: trustStore(24),
		SecurityProducts: []*inventoryv1.SecurityProduct{
			{Name: proto.String("Endpoint Guard"), Type: proto.String("antivirus"), State: proto.String("on")},
			{Name: proto.String("Local Firewall"), Type: proto.String("firewall"), State: proto.String("on")},
		},
	}
	if role == "server" {
		s.OsVersion.Name, s.OsVersion.Build = proto.String("Windows Server 2022"), proto.String("20348.2762")
		s.OsVersion.Version, s.OsVersion.Edition = proto.String("21H2"), proto.String("Server Standard")
	}
	for i := range 160 {
		t := titleOf(5000 + i)
		bare := strings.ReplaceAll(t.name, " ", "")
		start, state := "manual", "stopped"
		if t.die.n(2) == 0 {
			start, state = "enabled", "running"
		}
		s.Services = append(s.Services, &inventoryv1.Service{
			Name: &bare, DisplayName: &t.name, Description: proto.String("Keeps " + t.name + " going."), Type: proto.String("windows"),
			StartType: &start, State: &state, Path: proto.String(`C:\Windows\System32\svchost.exe -k ` + bare), User: proto.String("LocalSystem"),
		})
	}
	for _, name := range []string{"Administrators", "Backup Operators", "Guests", "Remote Desktop Users", "Users"} {
		s.LocalGroups = append(s.LocalGroups, &inventoryv1.LocalGroup{Name: proto.String(name), Description: proto.String("Built-in group " + name)})
	}
	return snapshot.Split(s)
}

// macosStanding is what all macOS machines share beside their applications.
func macosStanding() (snapshot.Sections, error) {
	s := &inventoryv1.Snapshot{
		OsVersion: &inventoryv1.OSVersion{
			Name: proto.String("macOS"), Major: proto.Int64(14), Minor: proto.Int64(7), Patch: proto.Int64(1), Build: proto.String("23H222"),
		},
		TrustedCertificates: trustStore(30),
	}
	for i := range 9 {
		t := titleOf(7000 + i)
		id := "org.example.profile." + strings.ToLower(strings.ReplaceAll(t.name, " ", "."))
		s.Profiles = append(s.Profiles, &inventoryv1.Profile{
			Uuid: proto.String(t.hex(0, 32)), Identifier: &id, DisplayName: &t.name, Organization: proto.String("Example Ltd"),
			RemovalDisallowed: proto.Bool(true), Verified: proto.Bool(true),
			Payloads: []*inventoryv1.Payload{{Uuid: proto.String(t.hex(1, 32)), Identifier: proto.String(id + ".payload"), Type: proto.String("com.apple.applicationaccess")}},
		})
	}
	for i := range 60 {
		t := titleOf(8000 + i)
		label := "com.example." + strings.ToLower(strings.ReplaceAll(t.name, " ", ""))
		s.Services = append(s.Services, &inventoryv1.Service{
			Name: &label, Type: proto.String("launchd"), StartType: proto.String("enabled"), Path: proto.String("/usr/libexec/" + label), User: proto.String("root"),
			Source: proto.String("/Library/LaunchDaemons/" + label + ".plist"),
		})
	}
	return snapshot.Split(s)
}
