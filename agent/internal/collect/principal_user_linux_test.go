// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"runtime"
	"testing"
	"testing/fstest"

	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

// wtmp writes records of one type and user each.
func wtmp(kind uint16, users ...string) []byte {
	var out []byte
	for _, user := range users {
		record := make([]byte, loginRecord(runtime.GOARCH))
		binary.NativeEndian.PutUint16(record, kind)
		copy(record[8:], "pts/0")
		copy(record[loginUser:loginUser+loginUserSize], user)
		out = append(out, record...)
	}
	return out
}

func TestThePrincipalUserLoggedInMostOften(t *testing.T) {
	t.Parallel()
	passwd := text("root:x:0:0:root:/root:/bin/bash\njane:x:1000:1000:Jane Doe,,,:/home/jane:/bin/bash\njoe:x:1001:1001::/home/joe:/bin/zsh\n" +
		"deploy:x:1002:1002::/home/deploy:/usr/sbin/nologin\n")
	tests := []struct {
		name     string
		wtmp     []byte
		nsswitch string
		want     string
		err      error
	}{
		{name: "most logins", wtmp: wtmp(7, "root", "root", "root", "joe", "jane", "jane", "deploy", "deploy", "deploy"), want: "jane Jane Doe"},
		{name: "the first of equals", wtmp: wtmp(7, "joe", "jane"), want: "jane Jane Doe"},
		{name: "other records do not count", wtmp: append(wtmp(8, "jane", "jane"), wtmp(7, "joe")...), want: "joe "},
		{name: "a torn record at the end", wtmp: append(wtmp(7, "joe"), 7, 0, 0), want: "joe "},
		{name: "a directory", wtmp: wtmp(7, "zoe@example.com", "zoe@example.com", "jane"), nsswitch: "passwd: files sss\n", want: "zoe@example.com "},
		{name: "gone accounts do not count", wtmp: wtmp(7, "zoe", "zoe", "jane"), nsswitch: "passwd: files systemd\n", want: "jane Jane Doe"},
		{name: "only root", wtmp: wtmp(7, "root"), err: ErrAbsent},
		{name: "nobody", err: ErrAbsent},
	}
	for _, tt := range tests {
		files := fstest.MapFS{"etc/passwd": passwd, "etc/nsswitch.conf": text(tt.nsswitch), "var/log/wtmp": {Data: tt.wtmp, Mode: 0o664}}
		snap, err := gather(t, "principal_user", &hosttest.Machine{Files: files})
		if !errors.Is(err, tt.err) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.err)
		}
		if tt.err != nil {
			continue
		}
		u := snap.PrincipalUser
		if got := u.GetPrincipalName() + " " + u.GetDisplayName(); got != tt.want || u.GetUniqueId() != u.GetPrincipalName() || u.GetSource().GetType() != "LOGGED_IN_USER" {
			t.Errorf("%s: got %s, want %s", tt.name, show(u), tt.want)
		}
	}
	refused := deny{fstest.MapFS{"etc/passwd": passwd, "var/log/wtmp": {}, "var/log/wtmp.1": {Data: wtmp(7, "joe")}}, map[string]bool{"var/log/wtmp": true}}
	if snap, err := gather(t, "principal_user", &hosttest.Machine{Files: refused}); !errors.Is(err, fs.ErrPermission) || snap.GetPrincipalUser().GetUniqueId() != "joe" {
		t.Errorf("got %s, %v", show(snap.PrincipalUser), err)
	}
}

func TestOnlyTheLastRecordsOfAFileAreRead(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{"wtmp": {Data: []byte("aaabbbcccd")}}
	for limit, want := range map[int]string{100: "aaabbbccc", 7: "bbbccc", 6: "bbbccc", 2: ""} {
		if got, err := tailOf(files, "wtmp", limit, 3); err != nil || !bytes.Equal(got, []byte(want)) {
			t.Errorf("%d bytes: got %q, %v, want %q", limit, got, err, want)
		}
	}
}

func FuzzLogins(f *testing.F) {
	f.Add(wtmp(7, "jane", "joe"), 384)
	f.Add([]byte{7, 0}, 400)
	f.Fuzz(func(t *testing.T, raw []byte, size int) {
		logins := map[string]int{}
		countLogins(raw, 384+16*(size&1), logins)
		if logins[""] != 0 {
			t.Error("a login of nobody")
		}
	})
}
