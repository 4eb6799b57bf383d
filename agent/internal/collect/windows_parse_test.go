// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

const currentVersion = `[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion]` + "\n"

func TestWindowsIsNamedAsItIsSold(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, values, want string }{
		{
			"client", `"CurrentBuild"="19045"` + "\n" + `"CurrentBuildNumber"="19045"` + "\n" + `"UBR"=dword:00000fce` + "\n" +
				`"CurrentVersion"="6.3"` + "\n" + `"EditionID"="Enterprise"` + "\n" + `"ProductName"="Windows 10 Enterprise"`,
			"{build:19045.4046,edition:Enterprise,major:10,name:Windows 10,version:22H2}",
		},
		{
			"server", `"CurrentBuildNumber"="20348"` + "\n" + `"UBR"=dword:00000001` + "\n" + `"CurrentVersion"="6.3"` + "\n" +
				`"EditionID"="ServerStandard"` + "\n" + `"ProductName"="Windows Server 2022 Standard"` + "\n" +
				`"InstallationType"="Server Core"` + "\n" + `"DisplayVersion"="21H2"`,
			"{build:20348.1,edition:ServerStandard,major:10,name:Windows Server 2022,version:21H2}",
		},
		{
			"server with a release", `"CurrentBuildNumber"="9600"` + "\n" + `"CurrentVersion"="6.3"` + "\n" +
				`"ProductName"="Windows Server 2012 R2 Datacenter"` + "\n" + `"InstallationType"="Server"`,
			"{build:9600,major:6,minor:3,name:Windows Server 2012 R2}",
		},
		{
			"before Windows 10", `"CurrentBuild"="7601"` + "\n" + `"CurrentVersion"="6.1"`,
			"{build:7601,major:6,minor:1,name:Windows}",
		},
		{
			"newer than the list of releases", `"CurrentBuildNumber"="29999"` + "\n" + `"CurrentVersion"="6.3"` + "\n" + `"DisplayVersion"="28H2"`,
			"{build:29999,major:11,name:Windows 11,version:28H2}",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			snap, err := gatherOn(t, "windows", "os_version", windowsOf(t, currentVersion+tt.values))
			if got := show(snap.OsVersion); err != nil || got != tt.want {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			}
		})
	}
	if _, err := gatherOn(t, "windows", "os_version", windowsOf(t, currentVersion)); err == nil {
		t.Error("a registry without a build gave a version")
	}
}

func TestCollectorsOfWindowsWithoutRegistry(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"os_version", "program_instances", "services", "scheduled_tasks", "windows_store_apps", "certificates", "routes"} {
		if _, err := gatherOn(t, "windows", name, &hosttest.Machine{}); !errors.Is(err, ErrAbsent) {
			t.Errorf("%s: got %v, want %v", name, err, ErrAbsent)
		}
	}
}

func TestRefusedKeyCostsItsRowOnly(t *testing.T) {
	t.Parallel()
	const uninstall = `HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\`
	m := windowsOf(t, "["+uninstall+"A]\n"+`"DisplayName"="a"`+"\n["+uninstall+"B]\n"+`"DisplayName"="b"`)
	m.Reg.(*hosttest.Registry).Refuse = []string{`HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\A`}
	snap, err := gatherOn(t, "windows", "program_instances", m)
	if got := show(snap.ProgramInstances...); got != "{program:{name:b},purl:pkg:generic/b}" || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestPackedGUID(t *testing.T) {
	t.Parallel()
	for packed, want := range map[string]string{
		"96F071321C0420723210000010000000": "{23170F69-40C1-2702-2301-000001000000}",
		"96f071321c0420723210000010000000": "{23170F69-40C1-2702-2301-000001000000}",
		"96F07132":                         "", "": "", "96F07132-C0420721032000010000000": "", "{23170F69-40C1-2702-2301-000001000000}": "",
	} {
		if got := unpackGUID(packed); got != want {
			t.Errorf("%q: got %q, want %q", packed, got, want)
		}
	}
}

func TestTimesOfWindows(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"20240229": "2024-02-29T00:00:00", "20230229": "", "2/29/2024": "", "": "", "00000000": "", "19700101": "",
	} {
		got := installDay(text)
		if (got == nil) != (want == "") || got != nil && *got != want {
			t.Errorf("%q: got %v, want %q", text, got, want)
		}
	}
	for n, want := range map[uint64]string{
		133546500000000000: "2024-03-11T17:00:00Z", 116444736000000000: "0001-01-01T00:00:00Z", 1 << 63: "0001-01-01T00:00:00Z", 0: "0001-01-01T00:00:00Z",
	} {
		if got := filetime(n).Format("2006-01-02T15:04:05Z07:00"); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func TestPersistentRoute(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"10.0.0.0,255.0.0.0,192.0.2.1,7": "{destination:10.0.0.0/8,gateway:192.0.2.1,metric:7}",
		"0.0.0.0,0.0.0.0,192.0.2.1":      "{destination:0.0.0.0/0,gateway:192.0.2.1}",
		"10.0.0.0,255.0.255.0,192.0.2.1": "", "10.0.0.0": "", "x,y,z,1": "", "::,::,::,1": "",
	} {
		got := ""
		if row := persistentRoute(text); row != nil {
			got = show(row)
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func TestPackageNameIsTakenApart(t *testing.T) {
	t.Parallel()
	p, ok := parsePackageName("Microsoft.VCLibs.140.00_14.0.33321.0_x64__8wekyb3d8bbwe")
	if !ok || p.name != "Microsoft.VCLibs.140.00" || p.version != "14.0.33321.0" || p.arch != "x64" || p.family() != "Microsoft.VCLibs.140.00_8wekyb3d8bbwe" {
		t.Errorf("got %+v, %v", p, ok)
	}
	for _, name := range []string{"", "a_b_c_d", "a_1_x64__", "_1_x64__p", "a_1_x64__p_q"} {
		if p, ok := parsePackageName(name); ok {
			t.Errorf("%q: got %+v", name, p)
		}
	}
}

func TestPathsOfWindowsInTheTree(t *testing.T) {
	t.Parallel()
	m := windowsOf(t, currentVersion+`"SystemRoot"="D:\\Windows"`)
	r, err := registryOf(m)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		`D:\Program Files\X\`: "Program Files/X", `d:\a`: "a", `%SystemRoot%\System32`: "Windows/System32", `%windir%\x`: "Windows/x",
		`C:\a`: "", `D:\..\a`: "", `D:\a\..\..\b`: "", `\\server\share`: "", `D:`: "", "": "", `D:a`: "",
	} {
		got, ok := treePath(r, name)
		if !ok {
			got = ""
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestBrokenTaskCostsItselfOnly(t *testing.T) {
	t.Parallel()
	m := windowsOf(t, currentVersion+`"SystemRoot"="C:\\Windows"`)
	m.Files = fstest.MapFS{
		"Windows/System32/Tasks/Good":   text(`<Task><Actions><Exec><Command>a.exe</Command></Exec></Actions></Task>`),
		"Windows/System32/Tasks/Broken": text(`<Task><Actions>`),
	}
	snap, err := gatherOn(t, "windows", "scheduled_tasks", m)
	var p *partial
	want := `{command:a.exe,enabled:true,name:\\Good,source:C:\\Windows\\System32\\Tasks\\Good,type:windows}`
	if got := show(snap.ScheduledTasks...); got != want || !errors.As(err, &p) {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestHyperVOnTheMetalIsNoGuest(t *testing.T) {
	t.Parallel()
	const guest = `[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Virtual Machine\Guest\Parameters]`
	tests := []struct{ name, registry, signature, firmware, want string }{
		{"metal with protection by Hyper-V", "", "Microsoft Hv", "Dell Inc. Latitude", ""},
		{"guest of Hyper-V", guest, "Microsoft Hv", "", "hyper-v"},
		{"guest of Hyper-V by its firmware", "", "Microsoft Hv", "Microsoft Corporation Virtual Machine", "hyper-v"},
		{"a tablet of Microsoft", "", "Microsoft Hv", "Microsoft Corporation Surface Pro", ""},
		{"KVM that shows the leaf of Hyper-V", "", "Microsoft Hv", "QEMU Standard PC", "qemu"},
		{"VMware", "", "VMwareVMware", "VMware, Inc. VMware7,1", "vmware"},
		{"metal", "", "", "LENOVO 21AB", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := windowsOf(t, tt.registry)
			m.Hypervisor = tt.signature
			r, err := registryOf(m)
			if err != nil {
				t.Fatal(err)
			}
			if got := windowsHypervisor(m, r, tt.firmware); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestDriveIsEncryptedWithAllItsVolumes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		states []string
		want   string
	}{
		{[]string{"on"}, "encrypted"},
		{[]string{"off", "off"}, "not encrypted"},
		{[]string{"on", "off"}, "partially encrypted"},
		{[]string{"on", ""}, ""},
		{nil, ""},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.states), func(t *testing.T) {
			t.Parallel()
			volumes := []host.Volume{{Drive: "another", Encryption: "off"}}
			for _, s := range tt.states {
				volumes = append(volumes, host.Volume{Drive: "d", Encryption: s})
			}
			got := ""
			if s := driveEncryption("d", volumes); s != nil {
				got = *s
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzWindowsTask(f *testing.F) {
	f.Add([]byte(`<?xml version="1.0" encoding="UTF-16"?><Task><Triggers><CalendarTrigger><StartBoundary>2024-01-01T03:00:00</StartBoundary>` +
		`<ScheduleByWeek><DaysOfWeek><Monday/></DaysOfWeek></ScheduleByWeek></CalendarTrigger></Triggers><Actions><Exec><Command>x</Command></Exec></Actions></Task>`))
	f.Add(tree(f, "windows-11/files")["WINDOWS/System32/Tasks/GoogleUpdaterTaskSystem"].Data)
	f.Fuzz(func(t *testing.T, raw []byte) {
		row, err := parseTask(raw)
		if (row == nil) != (err != nil) {
			t.Errorf("got %v, %v", row, err)
		}
	})
}

func FuzzAppManifest(f *testing.F) {
	f.Add([]byte(`<Package><Identity Name="a" Publisher="CN=b"/><Properties><DisplayName>c</DisplayName><Framework>true</Framework></Properties></Package>`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := parseAppManifest(raw); err != nil {
			t.Error(err)
		}
	})
}

func FuzzSerialisedCertificate(f *testing.F) {
	property := func(id uint32, data string) []byte {
		raw := binary.LittleEndian.AppendUint32(nil, id)
		raw = binary.LittleEndian.AppendUint32(raw, 1)
		return append(binary.LittleEndian.AppendUint32(raw, uint32(len(data))), data...)
	}
	f.Add(append(property(3, "hash"), property(32, "certificate")...))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if der := serialisedCertificate(raw); len(der)+12 > len(raw) && der != nil {
			t.Errorf("%d bytes out of %d", len(der), len(raw))
		}
	})
}

func FuzzWindowsNames(f *testing.F) {
	f.Add("96F071321C0420723210000010000000")
	f.Add("Microsoft.VCLibs.140.00_14.0.33321.0_x64__8wekyb3d8bbwe")
	f.Add("10.0.0.0,255.0.0.0,192.0.2.1,7")
	f.Add("@System32\\drivers\\pci.sys,#65536;PCI bus %1, device %2, function %3;(0,31,6)")
	f.Fuzz(func(t *testing.T, s string) {
		if guid := unpackGUID(s); guid != "" && !isGUID(guid) {
			t.Errorf("%q gave %q", s, guid)
		}
		parsePackageName(s)
		persistentRoute(s)
		pciSlot(s)
		if text := shown(s); len(text) > len(s) {
			t.Errorf("%q became %q", s, text)
		}
		installDay(s)
	})
}
