// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	register(Collector{Name: "os_version", Essential: true, Collect: collectOSVersion})
}

// osReleaseFiles are the places of os-release(5), in its order.
var osReleaseFiles = []string{"etc/os-release", "usr/lib/os-release"}

// collectOSVersion reads the distribution's name and numbers.
//
// os-release has no point releases on some systems; there the distribution's own file is asked: debian_version
// (12.11) and centos-release (7.9.2009). A rolling distribution has no numbers: major is 0, because the model needs one.
//
// Source: os-release(5), /etc/debian_version, /etc/redhat-release.
func collectOSVersion(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	values, err := osRelease(h)
	if errors.Is(err, fs.ErrNotExist) {
		return collectRedHatRelease(h, snap)
	}
	if err != nil {
		return err
	}
	numbers := versionNumbers(values["VERSION_ID"])
	for _, finer := range finerVersions(h, values) {
		if more := versionNumbers(finer); startsWith(more, numbers) {
			numbers = more
		}
	}
	snap.OsVersion = &inventoryv1.OSVersion{
		Name: fact(values["NAME"]), Major: proto.Int64(0), Build: fact(values["BUILD_ID"]),
		Id: fact(values["ID"]), Codename: fact(values["VERSION_CODENAME"]), Edition: fact(values["VARIANT"]),
	}
	setNumbers(snap.OsVersion, numbers)
	return nil
}

// finerVersions returns what may have more numbers than VERSION_ID. debian_version is Debian's alone: its descendants
// inherit the file with Debian's numbers in it.
func finerVersions(h host.Host, values map[string]string) []string {
	finer := []string{versionWord(values["VERSION"]), versionWord(peek(h, "etc/redhat-release"))}
	if values["ID"] == "debian" {
		finer = append(finer, peek(h, "etc/debian_version"))
	}
	return finer
}

// collectRedHatRelease knows systems older than os-release: "CentOS release 6.10 (Final)".
func collectRedHatRelease(h host.Host, snap *inventoryv1.Snapshot) error {
	line, err := readLine(h, "etc/redhat-release")
	if err != nil {
		return absent(err)
	}
	name, _, _ := strings.Cut(line, " release")
	snap.OsVersion = &inventoryv1.OSVersion{Name: fact(name), Major: proto.Int64(0)}
	setNumbers(snap.OsVersion, versionNumbers(versionWord(line)))
	return nil
}

// setNumbers writes up to three numbers.
func setNumbers(v *inventoryv1.OSVersion, numbers []int64) {
	for i, field := range []**int64{&v.Major, &v.Minor, &v.Patch} {
		if i < len(numbers) {
			*field = proto.Int64(numbers[i])
		}
	}
}

// versionWord returns the first word that begins with a digit: 6.10 of "CentOS release 6.10 (Final)".
func versionWord(s string) string {
	for word := range strings.FieldsSeq(s) {
		if word[0] >= '0' && word[0] <= '9' {
			return word
		}
	}
	return ""
}

// versionNumbers splits 24.04.1 into its numbers and stops at the first part that is none.
func versionNumbers(s string) []int64 {
	var numbers []int64
	for part := range strings.SplitSeq(strings.TrimSpace(s), ".") {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			break
		}
		numbers = append(numbers, int64(n))
	}
	return numbers
}

// startsWith tells whether numbers begin with prefix. An empty prefix begins nothing: a system whose own file has no
// numbers is not what a file of its ancestor says.
func startsWith(numbers, prefix []int64) bool {
	if len(prefix) == 0 || len(numbers) < len(prefix) {
		return false
	}
	for i, n := range prefix {
		if numbers[i] != n {
			return false
		}
	}
	return true
}

// osRelease returns the assignments of os-release.
func osRelease(h host.Host) (map[string]string, error) {
	var raw []byte
	var err error
	for _, name := range osReleaseFiles {
		if raw, err = host.ReadFile(h.FS(), name, smallFile); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	return parseAssignments(string(raw)), nil
}

// parseAssignments reads the shell-like lines NAME=value, NAME="value" and NAME='value' of os-release and its kin.
// Comments and lines without an assignment are skipped; a later line wins.
func parseAssignments(text string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		key, value, ok := strings.Cut(line, "=")
		if !ok || key == "" || key[0] == '#' {
			continue
		}
		values[key] = unquote(value)
	}
	return values
}

// unquote takes one pair of shell quotes off, and in double quotes the backslashes before " $ \ and backquote.
func unquote(s string) string {
	if len(s) < 2 || s[0] != s[len(s)-1] || (s[0] != '"' && s[0] != '\'') {
		return s
	}
	quote, s := s[0], s[1:len(s)-1]
	if quote == '\'' || strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte("\"$\\`", s[i+1]) >= 0 {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
