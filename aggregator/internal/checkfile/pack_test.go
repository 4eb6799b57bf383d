// SPDX-License-Identifier: Apache-2.0

package checkfile_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/checkfile"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/fleet"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// machine is one that the pack is tried on: a captured or simulated one, of which keys are others. A null takes one away.
type machine struct{ base, keys string }

// judged says what the pack has to say of machines.
var judged = map[string]struct{ ok, failed, unknown []machine }{
	"Linux release gets updates": {
		ok:      []machine{{"debian", `{}`}, {"linux", `{"os_version":{"id":"almalinux","major":9,"minor":4}}`}, {"linux", `{"os_version":{"id":"ubuntu","major":24,"minor":4}}`}, {"linux", `{"os_version":{"id":"sles","major":15,"minor":7}}`}, {"linux", `{"os_version":{"id":"arch"}}`}},
		failed:  []machine{{"linux", `{"os_version":{"id":"ubuntu","major":24,"minor":10}}`}, {"linux", `{"os_version":{"id":"opensuse-leap","major":15,"minor":6}}`}, {"linux", `{"os_version":{"id":"sles","major":15,"minor":6}}`}, {"debian", `{"os_version":{"id":"debian","major":11}}`}, {"linux", `{"os_version":{"id":"centos","major":7}}`}, {"linux", `{"os_version":{"id":"amzn","major":2}}`}},
		unknown: []machine{{"linux", `{"os_version":{"id":"slackware","major":15}}`}, {"linux", `{}`}, {"linux", `{"os_version":{"id":"debian","name":"Debian GNU/Linux"}}`}},
	},
	"macOS release gets updates":   {ok: []machine{{"macos", `{}`}}, failed: []machine{{"macos", `{"os_version":{"id":"macos","name":"macOS","major":13}}`}}},
	"Windows release gets updates": {ok: []machine{{"windows-11", `{"os_version":{"name":"Windows 11","major":11,"version":"25H2"}}`}, {"windows-11", `{"os_version":{"name":"Windows 11","major":11,"version":"24H2","edition":"IoTEnterprise"}}`}, {"windows-11", `{"os_version":{"name":"Windows Server 2022","major":2022}}`}}, failed: []machine{{"windows-10", `{}`}, {"windows-11", `{}`}, {"windows-11", `{"os_version":{"name":"Windows 11","major":11,"version":"24H2","edition":"Professional"}}`}}},
	"Linux kernel is of a release that gets updates": {
		ok:      []machine{{"debian", `{}`}, {"linux", `{"os_version":{"id":"rhel","major":8},"system_info":{"kernel_version":"4.18.0-553.el8_10.x86_64"}}`}},
		failed:  []machine{{"debian", `{"system_info":{"kernel_version":"5.10.0-33-amd64"}}`}, {"linux", `{"os_version":{"id":"ubuntu","major":22},"system_info":{"kernel_version":"5.4.0-200-generic"}}`}, {"linux", `{"os_version":{"id":"sles","major":15},"system_info":{"kernel_version":"5.14.21-150500.55.88-default"}}`}},
		unknown: []machine{{"linux", `{"os_version":{"id":"arch"},"system_info":{"kernel_version":"6.17.8-arch1-1"}}`}, {"debian", `{"system_info":null}`}},
	},
	"FileVault is on": {
		ok: []machine{{"macos", `{"disks":[{"name":"/dev/disk3s1","filevault_status":"on"},{"name":"/dev/disk4"}]}`}}, failed: []machine{{"macos", `{}`}}, unknown: []machine{{"macos", `{"disks":null}`}},
	},
	"BitLocker protects the system volume": {
		ok: []machine{{"windows-10", `{}`}, {"windows-11", `{}`}}, failed: []machine{{"windows-11", `{"filesystems":[{"path":"C:\\","encrypted":false}]}`}},
		unknown: []machine{{"windows-11", `{"filesystems":[{"path":"C:\\"}]}`}},
	},
	"BitLocker protects every volume": {ok: []machine{{"windows-11", `{}`}}, failed: []machine{{"windows-10", `{}`}}, unknown: []machine{{"windows-11", `{"filesystems":null}`}}},
	"Disks of Linux laptops are encrypted": {
		ok:      []machine{{"debian", `{"type":"SERVER"}`}, {"linux", `{"type":"LAPTOP","disks":[{"name":"nvme0n1","encryption_status":"encrypted"},{"name":"sda","removable":true,"encryption_status":"not encrypted"}]}`}},
		failed:  []machine{{"linux", `{"type":"LAPTOP","disks":[{"name":"nvme0n1","encryption_status":"partially encrypted"}]}`}},
		unknown: []machine{{"linux", `{"type":"LAPTOP","disks":[{"name":"nvme0n1"}]}`}},
	},
	"OpenSSH has the fix of CVE-2024-6387": {
		ok: []machine{
			{"debian", `{"deb_packages":[{"name":"openssh-server","version":"1:9.2p1-2+deb12u7"}]}`},
			{"linux", `{"os_version":{"id":"debian","major":13}}`},
			{"linux", `{"os_version":{"id":"ubuntu","major":24},"deb_packages":[{"name":"openssh-server","version":"1:9.6p1-3ubuntu13.14"}]}`},
			{"debian", `{"deb_packages":null}`},
		},
		failed: []machine{
			{"debian", `{"deb_packages":[{"name":"openssh-server","version":"1:9.2p1-2+deb12u2"}]}`},
			{"linux", `{"os_version":{"id":"ubuntu","major":22},"deb_packages":[{"name":"openssh-server","version":"1:8.9p1-3ubuntu0.9"}]}`},
			{"linux", `{"os_version":{"id":"ubuntu","major":24},"deb_packages":[{"name":"openssh-server","version":"1:9.6p1-3ubuntu13"}]}`},
		},
		unknown: []machine{{"linux", `{"os_version":{"id":"rhel","major":9}}`}},
	},
	"sudo has the fix of CVE-2025-32462": {
		ok:     []machine{{"debian", `{"deb_packages":[{"name":"sudo","version":"1.9.13p3-1+deb12u2"}]}`}, {"linux", `{"os_version":{"id":"rhel","major":9}}`}},
		failed: []machine{{"debian", `{"deb_packages":[{"name":"sudo","version":"1.9.13p3-1+deb12u1"}]}`}},
	},
	"liblzma is not the one of CVE-2024-3094": {
		ok: []machine{{"debian", `{}`}, {"linux", `{"deb_packages":[{"name":"liblzma5","version":"5.6.1+really5.4.5-1"}]}`}},
		failed: []machine{
			{"linux", `{"deb_packages":[{"name":"liblzma5","version":"5.6.1-1"}]}`},
			{"linux", `{"rpm_packages":[{"name":"xz-libs","version":"5.6.0","release":"2.fc41"}]}`},
			{"linux", `{"apk_packages":[{"name":"xz-libs","version":"5.6.1-r1"}]}`},
		},
	},
	"Log4j has the fixes of CVE-2021-44228 and its kin": {
		ok: []machine{{"debian", `{}`}, {"linux", `{"java_components":[{"name":"log4j-core","version":"2.17.1"},{"name":"log4j-core","version":"2.12.4"},{"name":"log4j-core","version":"UNKNOWN"}]}`}},
		failed: []machine{
			{"linux", `{"java_components":[{"name":"log4j-core","version":"2.25.0"},{"name":"log4j-core","version":"2.14.1"}]}`}, {"windows-11", `{"java_components":[{"name":"log4j-core","version":"2.9.0"}]}`},
		},
	},
	"7-Zip has the fix of CVE-2025-0411": {
		ok: []machine{{"windows-10", `{}`}, {"windows-11", `{"program_instances":[{"program":{"name":"7-Zip 25.01 (x64)","version":"25.01"}},{"program":{}}]}`}}, failed: []machine{{"windows-11", `{"program_instances":[{"program":{"name":"7-Zip 9.20","version":"9.20"}}]}`}},
	},
	"WinRAR has the fix of CVE-2025-8088": {
		ok: []machine{{"windows-10", `{}`}}, failed: []machine{{"windows-11", `{"program_instances":[{"program":{"name":"WinRAR 7.12 (64-bit)","version":"7.12.0"}}]}`}},
	},
	"Certificates have not expired": {
		ok: []machine{{"debian", `{"certificates":[{"common_name":"root","is_ca":true,"valid_until":"2020-01-01T00:00:00"}]}`}, {"macos", `{}`}, {"windows-11", `{}`}, {"windows-10", `{}`}}, failed: []machine{{"debian", `{"certificates":[{"common_name":"a","valid_until":"2026-11-21T23:59:59"}]}`}},
	},
	"Certificates last another month": {
		ok: []machine{{"macos", `{}`}, {"windows-11", `{}`}}, failed: []machine{{"debian", `{"certificates":[{"common_name":"a","valid_until":"2026-12-21T00:00:00"}]}`}},
	},
	"Certificates have strong keys and signatures": {
		ok: []machine{{"macos", `{}`}, {"windows-11", `{}`}, {"debian", `{"certificates":[{"common_name":"a"},{"is_self_signed":true,"signature_algorithm":"SHA1-RSA"}]}`}},
		failed: []machine{
			{"debian", `{"certificates":[{"key_algorithm":"RSA","key_size":1024}]}`}, {"debian", `{"certificates":[{"key_algorithm":"RSA","key_size":2048,"signature_algorithm":"SHA1-RSA"}]}`},
		},
	},
	"EC2 instance has an owner": {
		ok: []machine{{"ec2", `{}`}, {"windows-11", `{}`}}, failed: []machine{{"ec2", `{"ec2_instance_tags":null}`}, {"ec2", `{"ec2_instance_tags":[{"key":"owner","value":""}]}`}},
	},
	"EC2 instance has no public address": {
		ok: []machine{{"ec2", `{}`}, {"windows-11", `{}`}}, failed: []machine{{"ec2", `{"ec2_instance_metadata":{"instance_id":"i-1","public_ipv4":"203.0.113.7"}}`}},
	},
	"Only root has the user id 0": {
		ok: []machine{{"debian", `{}`}, {"macos", `{}`}}, failed: []machine{{"debian", `{"users":[{"name":"root","uid":0},{"name":"toor","uid":0}]}`}}, unknown: []machine{{"debian", `{"users":null}`}},
	},
	"At most two people are local administrators": {
		ok:      []machine{{"macos", `{}`}, {"windows-10", `{}`}, {"windows-11", `{}`}},
		failed:  []machine{{"macos", `{"users":[{"name":"root","uid":0,"is_admin":true},{"name":"a","uid":501,"is_admin":true},{"name":"b","uid":502,"is_admin":true},{"name":"c","uid":503,"is_admin":true}]}`}},
		unknown: []machine{{"macos", `{"users":null}`}},
	},
	"Built-in Administrator is disabled": {
		ok: []machine{{"windows-11", `{}`}}, failed: []machine{{"windows-11", `{"users":[{"name":"Chef","sid":"S-1-5-21-1-2-3-500","disabled":false}]}`}}, unknown: []machine{{"windows-11", `{"users":null}`}},
	},
	"Guest account is disabled": {ok: []machine{{"windows-11", `{}`}}, failed: []machine{{"windows-11", `{"users":[{"name":"Gast","sid":"S-1-5-21-1-2-3-501","disabled":false}]}`}}},
	"No remote shell without encryption listens": {
		ok:     []machine{{"debian", `{}`}, {"debian", `{"listening_ports":[{"protocol":"tcp","port":23,"address":"127.0.0.1"},{"protocol":"udp","port":514,"address":"0.0.0.0"}]}`}},
		failed: []machine{{"debian", `{"listening_ports":[{"protocol":"tcp","port":23,"address":"0.0.0.0"}]}`}},
	},
	"No database listens on every address": {
		ok:     []machine{{"debian", `{"listening_ports":[{"protocol":"tcp","port":5432,"address":"127.0.0.1"},{"protocol":"tcp","port":22,"address":"0.0.0.0"}]}`}},
		failed: []machine{{"debian", `{"listening_ports":[{"protocol":"tcp","port":6379,"address":"::"}]}`}},
	},
	"No service for remote shells without encryption is enabled": {
		ok: []machine{{"debian", `{}`}, {"debian", `{"services":[{"name":"telnet.socket","start_type":"disabled"}]}`}}, failed: []machine{{"debian", `{"services":[{"name":"telnet.socket","start_type":"enabled"}]}`}},
	},
	"Packages are signed": {
		ok: []machine{{"debian", `{}`}, {"debian", `{"repositories":[{"url":"https://a","enabled":false,"signature_checked":false}]}`}}, failed: []machine{{"debian", `{"repositories":[{"url":"https://a","signature_checked":false}]}`}},
	},
	"Packages come over TLS": {
		ok: []machine{{"macos", `{}`}, {"debian", `{"repositories":[{"url":"https://a","enabled":true},{"url":"http://b","enabled":false}]}`}}, failed: []machine{{"debian", `{}`}},
	},
	"A firewall is on": {
		ok: []machine{{"windows-11", `{}`}}, failed: []machine{{"windows-10", `{}`}, {"debian", `{"security_products":[{"name":"fail2ban","type":"firewall","state":"on"}]}`}},
	},
	"Protection against malware is on": {ok: []machine{{"windows-11", `{}`}}, failed: []machine{{"windows-10", `{}`}}},
	"Mandatory access control is enforced": {
		ok:     []machine{{"debian", `{"security_products":[{"name":"AppArmor","type":"mandatory_access_control","state":"on","mode":"enforcing"}]}`}},
		failed: []machine{{"debian", `{"security_products":[{"name":"SELinux","type":"mandatory_access_control","state":"on","mode":"permissive"}]}`}},
	},
	"Secure Boot is on": {
		ok: []machine{{"windows-11", `{}`}, {"windows-10", `{}`}}, failed: []machine{{"debian", `{"system_info":{"secure_boot":false}}`}}, unknown: []machine{{"debian", `{"system_info":{}}`}},
	},
	"Security updates are installed by themselves": {
		ok: []machine{{"debian", `{}`}}, failed: []machine{{"debian", `{"services":[{"name":"unattended-upgrades.service","start_type":"disabled"}]}`}}, unknown: []machine{{"linux", `{"os_version":{"id":"alpine"}}`}},
	},
	"Battery is not worn out": {
		ok: []machine{{"macos", `{}`}, {"debian", `{}`}}, failed: []machine{{"macos", `{"batteries":[{"name":"a","cycle_count":1400}]}`}, {"linux", `{"batteries":[{"name":"BAT0","health":"Dead"}]}`}},
	},
}

func TestPackagesInstallTheWholePack(t *testing.T) {
	t.Parallel()
	products, err := os.ReadFile(filepath.Join("..", "..", "..", "tools", "package", "product.go"))
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(products), "contents: packOfChecks(")
	list, _, _ = strings.Cut(list, ")")
	installed := map[string]bool{}
	for _, c := range pack(t) {
		installed[strconv.Quote(strings.TrimSuffix(c.File, ".yaml"))] = true
	}
	for topic := range installed {
		if !strings.Contains(list, topic) {
			t.Errorf("no package installs %s: they install %s", topic, list)
		}
	}
	if got := strings.Count(list, ",") + 1; got != len(installed) {
		t.Errorf("packages install %d files of %d", got, len(installed))
	}
}

// packDay is the day on which the pack is read.
var packDay = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

func TestThePackJudgesMachinesAsItSays(t *testing.T) {
	t.Parallel()
	bases, names := baseTrees(t), map[string]bool{}
	for _, c := range pack(t) {
		names[c.Name] = true
		want, ok := judged[c.Name]
		if !ok || len(want.ok) == 0 || len(want.failed) == 0 {
			t.Errorf("%s:%d: check %q is tried on no machine that passes, or on none that fails", c.File, c.Line, c.Name)
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			compiled, err := compliance.Check{Name: c.Name, SourceName: c.SourceName, Platforms: c.Platforms, Expression: c.Expression}.Compile()
			if err != nil {
				t.Fatal(err)
			}
			for status, machines := range map[compliance.Status][]machine{
				compliance.StatusOK: want.ok, compliance.StatusFailed: want.failed, compliance.StatusUnknown: want.unknown,
			} {
				for _, m := range machines {
					tree := m.tree(t, bases)
					if platform, _ := tree["platform"].(string); !compiled.InScope("rollcall", platform, nil) {
						t.Errorf("%s %s is not in scope", m.base, m.keys)
					}
					if got := compiled.Program.Evaluate(tree); got.Status != status {
						t.Errorf("%s %s: got %v (%v, %v), want %v", m.base, m.keys, got.Status, got.Value, got.Err, status)
					}
				}
			}
		})
	}
	for name := range judged {
		if !names[name] {
			t.Errorf("there is no check %q", name)
		}
	}
}

// pack reads the files that packages install.
func pack(t *testing.T) []checkfile.Check {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "packaging", "checks", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("the pack is not there: %v", err)
	}
	var all []checkfile.Check
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		checks, err := checkfile.Parse(filepath.Base(file), raw, packDay)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, checks...)
	}
	if err := checkfile.Unique(all); err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Description == "" || len(c.Platforms) == 0 || c.SourceName != "rollcall" {
			t.Errorf("%s:%d: check %q says too little: %+v", c.File, c.Line, c.Name, c)
		}
	}
	return all
}

// tree returns the base with other keys.
func (m machine) tree(t *testing.T, bases map[string]map[string]any) map[string]any {
	t.Helper()
	base, ok := bases[m.base]
	if !ok {
		t.Fatalf("there is no machine %s", m.base)
	}
	tree := maps.Clone(base)
	var keys map[string]any
	if err := json.Unmarshal([]byte(m.keys), &keys); err != nil {
		t.Fatalf("%s: %v", m.keys, err)
	}
	for key, value := range keys {
		if value == nil {
			delete(tree, key)
			continue
		}
		tree[key] = value
	}
	return tree
}

// baseTrees are machines that the agent was captured on, simulated ones, and one that says nothing.
func baseTrees(t *testing.T) map[string]map[string]any {
	t.Helper()
	trees := map[string]map[string]any{"linux": {"platform": "LINUX"}}
	captured := filepath.Join("..", "..", "..", "agent", "internal", "collect", "testdata")
	for name, file := range map[string]string{
		"macos": "macos-15.golden.json", "windows-10": "windows-10/snapshot.json", "windows-11": "windows-11/snapshot.json",
	} {
		raw, err := os.ReadFile(filepath.Join(captured, filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		var tree map[string]any
		if err := json.Unmarshal(raw, &tree); err != nil {
			t.Fatal(err)
		}
		tree["platform"] = map[bool]string{true: "MACOS", false: "WINDOWS"}[name == "macos"]
		trees[name] = tree
	}
	machines, err := fleet.New(fleet.Options{Machines: 200, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i := range machines.Len() {
		m, name := machines.Machine(i), "debian"
		if m.EC2 {
			name = "ec2"
		}
		if m.Platform == "LINUX" && trees[name] == nil {
			trees[name] = simulated(t, m)
		}
	}
	return trees
}

// simulated is the tree of a machine of the simulated fleet.
func simulated(t *testing.T, m fleet.Machine) map[string]any {
	t.Helper()
	sections, err := m.Sections(0)
	if err != nil {
		t.Fatal(err)
	}
	tree := map[string]any{"platform": m.Platform}
	for name, section := range sections {
		kind, ok := snapshot.KindOf(name)
		if !ok || name == snapshot.KindInstallTimes {
			continue
		}
		var rows []any
		for _, a := range section.Assets {
			var row any
			if err := json.Unmarshal(a.Body, &row); err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row)
		}
		if !kind.Single {
			tree[name] = rows
		} else {
			tree[name] = rows[0]
		}
	}
	return tree
}
