// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

// The registry of somebody with one program and one package, who has a profile, logged in and not.
const (
	profileOfAda = `
[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList\S-1-5-21-1-2-3-1001]
"ProfileImagePath"="C:\\Users\\ada"
[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\All]
"DisplayName"="for all"
`
	hiveOfAda = `
[HKEY_USERS\S-1-5-21-1-2-3-1001\Software\Microsoft\Windows\CurrentVersion\Uninstall\Ada]
"DisplayName"="for Ada"
"InstallDate"="20240102"
[HKEY_USERS\S-1-5-21-1-2-3-1001\Software\Classes\Local Settings\Software\Microsoft\Windows\CurrentVersion\AppModel\Repository\Packages\Ada.App_1.0.0.0_x64__8wekyb3d8bbwe]
"PackageRootFolder"="C:\\Program Files\\WindowsApps\\Ada.App_1.0.0.0_x64__8wekyb3d8bbwe"
`
)

func TestRowsOfPeopleOutlastTheirSession(t *testing.T) {
	t.Parallel()
	in, out, gone := windowsOf(t, profileOfAda+hiveOfAda), windowsOf(t, profileOfAda), windowsOf(t, "")
	collectors := map[string]Collector{}
	for _, name := range []string{"program_instances", "windows_store_apps"} {
		collectors[name] = registries["windows"][name]
	}
	cache := &Cache{}
	rows := func(m host.Host) string {
		r := runAll(context.Background(), m, collectors, Options{Cache: cache})
		return show(r.Snapshot.ProgramInstances...) + show(r.Snapshot.WindowsStoreApps...)
	}
	first := rows(in)
	if !strings.Contains(first, "for Ada") || !strings.Contains(first, "Ada.App") {
		t.Fatalf("logged in: %s", first)
	}
	for range 2 {
		if got := rows(out); got != first {
			t.Errorf("logged out:\n%s, want\n%s", got, first)
		}
	}
	if got := rows(in); got != first {
		t.Errorf("logged in again:\n%s, want\n%s", got, first)
	}
	if got := rows(gone); strings.Contains(got, "Ada") {
		t.Errorf("without a profile: %s", got)
	}
	if got := rows(out); strings.Contains(got, "Ada") {
		t.Errorf("forgotten, and yet: %s", got)
	}
}

func TestClosedPackagesAreNotAbsent(t *testing.T) {
	t.Parallel()
	m := windowsOf(t, "")
	m.Reg.(*hosttest.Registry).Refuse = []string{keyAllUserStore + `\Applications`}
	report := runAll(context.Background(), m, map[string]Collector{"windows_store_apps": registries["windows"]["windows_store_apps"]}, Options{})
	if got := report.Sections["windows_store_apps"]; got != Keep {
		t.Errorf("got %s, want %s", got, Keep)
	}
}

func TestBrokenManifestCostsItselfOnly(t *testing.T) {
	t.Parallel()
	m := windowsOf(t, profileOfAda+hiveOfAda+currentVersion+`"SystemRoot"="C:\\Windows"`)
	m.Files = fstest.MapFS{
		"Program Files/WindowsApps/Ada.App_1.0.0.0_x64__8wekyb3d8bbwe/AppxManifest.xml": text(strings.Repeat(" ", smallFile+1)),
	}
	snap, err := gatherOn(t, "windows", "windows_store_apps", m)
	var p *partial
	if len(snap.WindowsStoreApps) != 1 || !errors.As(err, &p) || !errors.Is(err, host.ErrTooLarge) {
		t.Errorf("got %s, %v", show(snap.WindowsStoreApps...), err)
	}
}

func TestSecretsInCommandsOfWindowsAreMasked(t *testing.T) {
	t.Parallel()
	m := windowsOf(t, `
[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Agent]
"Type"=dword:00000010
"ImagePath"="\"C:\\Program Files\\Agent\\agent.exe\" --url=https://a.example --token=hunter2 run"
[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\Agent]
"DisplayName"="Agent"
"UninstallString"="\"C:\\Program Files\\Agent\\agent.exe\" /uninstall /password=hunter2"
`)
	for _, name := range []string{"services", "program_instances"} {
		snap, err := gatherOn(t, "windows", name, m)
		got := show(snap.Services...) + show(snap.ProgramInstances...)
		if err != nil || strings.Contains(got, "hunter2") || !strings.Contains(got, "agent.exe") || !strings.Contains(got, masked) {
			t.Errorf("%s: got %s, %v", name, got, err)
		}
	}
}

// Whoever may make a folder on drive C: must not turn the bytes of the UUID, and with them the machine's identity.
func TestFilesDoNotDescribeTheFirmwareOfWindows(t *testing.T) {
	t.Parallel()
	m := windowsMachine(t, "windows-10")
	want, err := WindowsEvidence(m)
	if err != nil || want.GetProductUuid() == "" {
		t.Fatalf("got %v, %v", want, err)
	}
	for _, version := range []byte{5, 8} {
		m.Files = fstest.MapFS{smbiosEntryPoint: text("_SM_00\x02" + string(rune(version)))}
		if got, err := WindowsEvidence(m); err != nil || got.GetProductUuid() != want.GetProductUuid() {
			t.Errorf("got %s, %v, want %s", got.GetProductUuid(), err, want.GetProductUuid())
		}
	}
}

func TestClosedVersionKeyKeepsTheTasks(t *testing.T) {
	t.Parallel()
	m := windowsOf(t, currentVersion)
	m.Reg.(*hosttest.Registry).Refuse = []string{keyCurrentVersion}
	if _, err := gatherOn(t, "windows", "scheduled_tasks", m); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v, want %v", err, fs.ErrPermission)
	}
}
