// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	register(Collector{
		Name: "principal_user", Collect: collectPrincipalUser,
		Sources: append([]string{passwdFile, loginDefsFile, nsswitchFile}, loginFiles...),
	})
}

const nsswitchFile = "etc/nsswitch.conf"

// loginFiles are the records of who logged in; logrotate(8) begins a new one every month and keeps the one before.
var loginFiles = []string{"var/log/wtmp", "var/log/wtmp.1"}

// maxLogins is how much of the end of a file counts.
const maxLogins = 1 << 20

// collectPrincipalUser names the person who logged in most often, of several the first by name. Nobody else's logins
// leave the machine. A name that is no local account counts where the machine asks a directory for accounts.
//
// Source: wtmp(5), nsswitch.conf(5).
func collectPrincipalUser(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	logins := map[string]int{}
	var denied gap
	for _, name := range loginFiles {
		raw, err := tailOf(h.FS(), name, maxLogins, loginRecord(runtime.GOARCH))
		if err = denied.allow(name, err); err != nil {
			return err
		}
		countLogins(raw, loginRecord(runtime.GOARCH), logins)
	}
	raw, err := host.ReadFile(h.FS(), passwdFile, largeFile)
	if err != nil {
		return absent(err)
	}
	users := parsePasswd(string(raw), uidMin(peek(h, loginDefsFile)))
	name, fullName := mostLogins(logins, users, asksDirectory(peek(h, nsswitchFile)))
	if name == "" {
		return cmp.Or(denied.err(), ErrAbsent)
	}
	snap.PrincipalUser = &inventoryv1.PrincipalUser{
		Source:   &inventoryv1.PrincipalUserSource{Type: proto.String("LOGGED_IN_USER")},
		UniqueId: fact(name), PrincipalName: fact(name), DisplayName: fact(fullName),
	}
	return denied.err()
}

// mostLogins picks the person with the most logins.
func mostLogins(logins map[string]int, users []*inventoryv1.User, directory bool) (name, fullName string) {
	local := map[string]*inventoryv1.User{}
	for _, u := range users {
		local[u.GetName()] = u
	}
	for _, candidate := range slices.Sorted(maps.Keys(logins)) {
		u, isLocal := local[candidate]
		if isLocal && !mayLogIn(u) || !isLocal && !directory || logins[candidate] <= logins[name] {
			continue
		}
		name, fullName = candidate, u.GetDescription()
	}
	return name, fullName
}

// mayLogIn tells whether an account is that of somebody who may log in.
func mayLogIn(u *inventoryv1.User) bool {
	switch path.Base(u.GetShell()) {
	case "nologin", "false", "sync", "shutdown", "halt":
		return false
	}
	return u.GetType() == "local"
}

// asksDirectory tells whether accounts come from elsewhere too.
func asksDirectory(nsswitch string) bool {
	for line := range strings.Lines(nsswitch) {
		services, is := strings.CutPrefix(strings.TrimSpace(line), "passwd:")
		if is && slices.ContainsFunc(strings.Fields(services), func(s string) bool {
			return slices.Contains([]string{"sss", "ldap", "winbind", "nis", "nisplus"}, s)
		}) {
			return true
		}
	}
	return false
}

// loginRecord is the size of a record in bytes. Most 64-bit systems keep the layout of their 32-bit ancestors, those
// without ancestors have 64-bit times.
//
// Source: struct utmp in utmp(5); bits/utmp.h and __WORDSIZE_TIME64_COMPAT32 of glibc.
func loginRecord(arch string) int {
	switch arch {
	case "arm64", "riscv64", "loong64":
		return 400
	}
	return 384
}

// Where a record has what counts, in bytes; the same in both layouts.
const (
	loginUser     = 44
	loginUserSize = 32
	userProcess   = 7 // ut_type of a login
)

// countLogins counts the logins of each account.
func countLogins(raw []byte, size int, logins map[string]int) {
	for ; len(raw) >= size; raw = raw[size:] {
		if binary.NativeEndian.Uint16(raw) != userProcess {
			continue
		}
		user := raw[loginUser : loginUser+loginUserSize]
		if i := bytes.IndexByte(user, 0); i >= 0 {
			user = user[:i]
		}
		if len(user) > 0 {
			logins[string(user)]++
		}
	}
}

// tailOf returns the last whole records of a file, in at most limit bytes.
func tailOf(fsys fs.FS, name string, limit, record int) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	records, most := info.Size()/int64(record), int64(limit/record)
	if records > most {
		seeker, ok := f.(io.Seeker)
		if !ok {
			return nil, fmt.Errorf("read %s: %w", name, errors.ErrUnsupported)
		}
		if _, err := seeker.Seek((records-most)*int64(record), io.SeekStart); err != nil {
			return nil, err
		}
		records = most
	}
	raw := make([]byte, records*int64(record))
	n, err := io.ReadFull(f, raw)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // shorter by now
	}
	return raw[:n], err
}
