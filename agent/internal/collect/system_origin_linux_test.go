// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

func TestInstallDateIsThatOfTheMostTellingTrace(t *testing.T) {
	t.Parallel()
	at := func(day int, content string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(content), ModTime: time.Date(2024, 5, day, 10, 0, 0, 0, time.UTC)}
	}
	id := at(3, "0123456789abcdef0123456789abcdef\n")
	disk := []host.Mount{{Path: "/", Type: "ext4"}, {Path: "/etcetera", Type: "tmpfs"}}
	tests := []struct {
		name   string
		files  fstest.MapFS
		mounts []host.Mount
		want   int // day, 0 for none
	}{
		{"the machine's id", fstest.MapFS{"etc/machine-id": id, "lost+found": at(1, "")}, disk, 3},
		{"an id that was not written yet", fstest.MapFS{"etc/machine-id": at(9, "uninitialized\n"), "var/log/installer": at(2, "")}, disk, 2},
		{"an id in memory", fstest.MapFS{"etc/machine-id": id, "root/anaconda-ks.cfg": at(4, "")}, append(disk, host.Mount{Path: "/etc/machine-id", Type: "tmpfs"}), 4},
		{"a container's layers", fstest.MapFS{"etc/machine-id": id}, []host.Mount{{Path: "/", Type: "overlay"}}, 0},
		{"files of a reproducible image", fstest.MapFS{"lost+found": {ModTime: time.Unix(0, 0)}}, disk, 0},
		{"a clock that was wrong", fstest.MapFS{"lost+found": {ModTime: time.Now().Add(1000 * time.Hour)}}, disk, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, day := installed(context.Background(), &hosttest.Machine{Files: tt.files, Mounted: tt.mounts}), 0
			if !got.IsZero() {
				day = got.Day()
			}
			if day != tt.want {
				t.Errorf("got %v, want day %d", got, tt.want)
			}
		})
	}
}

func TestInitSystemAndTPM(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		files     fstest.MapFS
		init, tpm string
	}{
		{"systemd, TPM of an older kernel", fstest.MapFS{"run/systemd/system/x": text(""), "sys/class/tpm/tpm0/device/description": text("TPM 2.0 Device\n")}, "systemd", "2.0"},
		{"openrc on busybox", fstest.MapFS{"run/openrc/x": text(""), "proc/1/comm": text("init\n"), "sbin/init": link("/bin/busybox")}, "openrc", ""},
		{"busybox alone", fstest.MapFS{"proc/1/comm": text("init\n"), "sbin/init": link("../bin/busybox"), "etc/inittab": text("")}, "busybox", ""},
		{"System V", fstest.MapFS{"proc/1/comm": text("init\n"), "etc/inittab": text(""), "sys/class/tpm/tpm0/device/caps": text("TCG version: 1.2\n")}, "sysvinit", "1.2"},
		{"runit", fstest.MapFS{"proc/1/comm": text("runit\n"), "sys/class/tpm/tpm0/tpm_version_major": text("1\n")}, "runit", "1.2"},
		{"a shell in a container", fstest.MapFS{"proc/1/comm": text("bash\n")}, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := &hosttest.Machine{Files: tt.files}
			if got, tpm := initSystem(m), tpmVersion(m); got != tt.init || tpm != tt.tpm {
				t.Errorf("got %q %q, want %q %q", got, tpm, tt.init, tt.tpm)
			}
		})
	}
}

func TestDomainIsOneThatTheMachineJoined(t *testing.T) {
	t.Parallel()
	const sssd = "[sssd]\ndomains = local, Corp.Example.org\n[domain/local]\nid_provider = files\n[domain/Corp.Example.org]\nid_provider = ad\n"
	tests := []struct {
		name  string
		files fstest.MapFS
		want  string
	}{
		{"FreeIPA", fstest.MapFS{"etc/ipa/default.conf": text("[global]\nbasedn = dc=example,dc=org\nrealm = EXAMPLE.ORG\ndomain = example.org\n")}, "example.org"},
		{"Samba as a member", fstest.MapFS{"etc/samba/smb.conf": text("[global]\n workgroup = CORP\n security = ADS\n realm = CORP.EXAMPLE.ORG\n")}, "corp.example.org"},
		{"Samba alone", fstest.MapFS{"etc/samba/smb.conf": text("[global]\nworkgroup = WORKGROUP\nsecurity = user\nrealm = X\n")}, ""},
		{"SSSD", fstest.MapFS{sssdFile: text(sssd)}, "corp.example.org"},
		{"a plain LDAP directory is no domain", fstest.MapFS{sssdFile: text("[sssd]\ndomains = x\n[domain/x]\nid_provider = ldap\n")}, ""},
		{"Kerberos alone", fstest.MapFS{"etc/krb5.conf": text("[libdefaults]\ndefault_realm = EXAMPLE.ORG\n")}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var refused gap
			if got := directoryDomain(&hosttest.Machine{Files: tt.files}, &refused); got != tt.want || refused.err() != nil {
				t.Errorf("got %q, %v, want %q", got, refused.err(), tt.want)
			}
		})
	}
	var refused gap
	secret := &hosttest.Machine{Files: deny{fstest.MapFS{sssdFile: text(sssd)}, map[string]bool{sssdFile: true}}}
	if got := directoryDomain(secret, &refused); got != "" || refused.err() == nil {
		t.Errorf("refused: got %q, %v", got, refused.err())
	}
}
