// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// title is an invented program.
type title struct {
	name, vendor string
	die          die
}

var (
	firstWords = []string{
		"Amber", "Birch", "Cobalt", "Delta", "Ember", "Falcon", "Granite", "Harbor", "Iris", "Juniper", "Kestrel",
		"Lumen", "Meridian", "Nimbus", "Onyx", "Pioneer", "Quartz", "Raven", "Summit", "Tundra", "Umbra", "Vertex",
		"Willow", "Zephyr",
	}
	secondWords = []string{
		"Archive", "Backup", "Calendar", "Designer", "Editor", "Firewall", "Graph", "Helper", "Importer", "Journal",
		"Keyboard", "Ledger", "Mail", "Notes", "Office", "Player", "Query", "Reader", "Studio", "Terminal", "Updater",
		"Viewer", "Writer", "Runtime", "Driver", "Sync",
	}
	vendors = []string{
		"Alder Software", "Bluestone Systems", "Cedar Works", "Dovetail Labs", "Eastgate Computing", "Foundry Nine",
		"Greyfield", "Highmark Tools", "Ironwood", "Jasper & Sons",
	}
)

// titleOf returns invented program number n; all numbers give different names.
func titleOf(n int) title {
	d := die(n).of(saltText)
	t := title{
		name:   firstWords[n%len(firstWords)] + " " + secondWords[n/len(firstWords)%len(secondWords)],
		vendor: vendors[d.n(len(vendors))],
		die:    d,
	}
	if round := n / len(firstWords) / len(secondWords); round > 0 {
		t.name += fmt.Sprintf(" %d", round+1)
	}
	return t
}

// version returns the version after that many releases.
func (t title) version(release int) string {
	return fmt.Sprintf("%d.%d.%d.%d", 1+t.die.of(1).n(20), t.die.of(2).n(12), 4*release+t.die.of(3).n(4), t.die.of(4).of(release).n(9000)+1000)
}

// hex returns that many lower-case hexadecimal digits, at most 64, that belong to one release.
func (t title) hex(release, digits int) string {
	var out strings.Builder
	for i := 0; out.Len() < digits; i++ {
		fmt.Fprintf(&out, "%016x", uint64(t.die.of(release).of(i+1)))
	}
	return out.String()[:digits]
}

// titleStock returns a stock of invented programs, each released by itself.
func titleStock(kind string, count int, body func(t title, release int) proto.Message) *stock {
	goods := newStock(kind, count, func(product int32, release int) ([]byte, error) {
		return asset.Canonical(body(titleOf(int(product)), release))
	})
	for i := range count {
		goods.groups[i] = int32(i)
		weight := uint64(8)
		if titleOf(i).die.of(saltWeight).n(8) == 0 {
			weight = 40
		}
		goods.weights = append(goods.weights, weight)
	}
	goods.rank()
	return goods
}

// What machines listen on.
var (
	officePorts = []port{{"tcp", 135, "svchost.exe", "SYSTEM"}, {"tcp", 445, "System", "SYSTEM"}, {"udp", 5353, "chrome.exe", "user"}}
	serverPorts = []port{{"tcp", 135, "svchost.exe", "SYSTEM"}, {"tcp", 445, "System", "SYSTEM"}, {"tcp", 3389, "svchost.exe", "SYSTEM"}}
	macPorts    = []port{{"tcp", 5000, "ControlCenter", "user"}, {"udp", 5353, "mDNSResponder", "_mdnsresponder"}}
)

// programLine returns the Windows machines.
func programLine(*Catalogue) (line, error) {
	goods := titleStock("program_instances", 1200, program)
	goods.dated = true
	l := line{platform: "WINDOWS", goods: goods, low: 200, high: 380, perDay: 1}
	l.roles = []role{
		{name: "office", share: 75, laptops: 60, ports: officePorts},
		{name: "server", share: 25, ports: serverPorts},
	}
	for i := range l.roles {
		l.roles[i].products = roleTitles(goods, l.roles[i].name, 150)
		var err error
		if l.roles[i].standing, err = windowsStanding(l.roles[i].name); err != nil {
			return line{}, fmt.Errorf("role %s: %w", l.roles[i].name, err)
		}
	}
	return l, nil
}

// appLine returns the macOS machines.
func appLine(*Catalogue) (line, error) {
	goods := titleStock("osx_app_instances", 900, app)
	l := line{platform: "MACOS", goods: goods, low: 220, high: 400, perDay: 1}
	r := role{name: "mac", share: 100, laptops: 85, ports: macPorts}
	r.products = roleTitles(goods, r.name, 180)
	var err error
	if r.standing, err = macosStanding(); err != nil {
		return line{}, fmt.Errorf("role %s: %w", r.name, err)
	}
	l.roles = []role{r}
	return l, nil
}

// roleTitles chooses what all machines of a role have.
func roleTitles(goods *stock, name string, count int) *selection {
	s := newSelection(goods)
	s.fill(dieOf(name), count)
	return s
}

// program returns a release as the registry's list of programs shows it.
func program(t title, release int) proto.Message {
	version := t.version(release)
	code := strings.ToUpper(t.hex(release, 32))
	code = "{" + code[:8] + "-" + code[8:12] + "-" + code[12:16] + "-" + code[16:20] + "-" + code[20:] + "}"
	folder := `C:\Program Files\` + t.vendor + `\` + t.name
	return &inventoryv1.ProgramInstance{
		Program: &inventoryv1.Program{
			Name: &t.name, Version: &version, Publisher: &t.vendor, Language: proto.String("1033"), IdentifyingNumber: &code,
		},
		InstallLocation: &folder, UninstallString: proto.String(`MsiExec.exe /X` + code),
	}
}

// app returns a release as its bundle describes it.
func app(t title, release int) proto.Message {
	version := t.version(release)
	bare := strings.ReplaceAll(t.name, " ", "")
	path := "/Applications/" + t.name + ".app"
	team := strings.ToUpper(t.hex(0, 10))
	return &inventoryv1.OSXAppInstance{
		App: &inventoryv1.OSXApp{
			BundleId: proto.String("com.example." + strings.ToLower(bare)), BundleName: &t.name,
			BundleVersion: &version, BundleVersionStr: proto.String(version[:strings.LastIndexByte(version, '.')]),
		},
		BundlePath: &path, Path: proto.String(path + "/Contents/MacOS/" + bare), TeamId: &team,
		CdHash: proto.String(t.hex(release, 40)), Sha_256: proto.String(t.hex(release, 64)),
		SignedBy: signer(team, t.vendor),
	}
}

// signer returns the certificate that a vendor signs with.
func signer(team, vendor string) *inventoryv1.Certificate {
	d := dieOf(team)
	return &inventoryv1.Certificate{
		CommonName: proto.String("Developer ID Application: " + vendor + " (" + team + ")"), Organization: &vendor,
		OrganizationalUnit: &team, Sha_256: proto.String(title{die: d}.hex(1, 64)),
		ValidFrom: proto.String("2024-03-11T10:20:30"), ValidUntil: proto.String("2029-03-12T10:20:30"),
		SignedBy: &inventoryv1.Certificate{CommonName: proto.String("Developer ID Certification Authority"), Sha_256: proto.String(title{die: d}.hex(2, 64))},
	}
}
