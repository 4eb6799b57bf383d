// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// Places in the registry that more than one collector reads.
const (
	keyCurrentVersion = `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion`
	keyControl        = `HKLM\SYSTEM\CurrentControlSet\Control`
	keyServices       = `HKLM\SYSTEM\CurrentControlSet\Services`
	keyProfiles       = keyCurrentVersion + `\ProfileList`
)

// winRegistry is the registry as collectors ask it.
type winRegistry struct{ reg host.Registry }

// registryOf is the machine's registry; ErrAbsent on a machine that has none.
func registryOf(h host.Host) (winRegistry, error) {
	reg := h.Registry()
	if reg == nil {
		return winRegistry{}, ErrAbsent
	}
	return winRegistry{reg}, nil
}

// keys names the keys below a key; none where there is no such key.
func (r winRegistry) keys(path string) ([]string, error) {
	names, err := r.reg.Keys(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

// has tells whether there is such a key.
func (r winRegistry) has(path string) bool {
	_, err := r.reg.Keys(path)
	return err == nil || errors.Is(err, fs.ErrPermission)
}

// values reads a key; nothing where there is no such key.
func (r winRegistry) values(path string) (regValues, error) {
	stored, err := r.reg.Values(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v := make(regValues, len(stored))
	for name, value := range stored {
		v[strings.ToLower(name)] = value // names are found without regard to case
	}
	return v, nil
}

// peek is values for a key that may be missing or refused without any loss worth telling.
func (r winRegistry) peek(path string) regValues {
	v, err := r.values(path)
	if err != nil {
		return nil
	}
	return v
}

// each reads every key below a key in order. A key that is refused goes to the gap; keys that vanish meanwhile are left out.
func (r winRegistry) each(path string, refused *gap, use func(name string, v regValues) error) error {
	names, err := r.keys(path)
	if err = refusedKey(refused, path, err); err != nil {
		return err
	}
	for _, name := range names {
		v, err := r.values(path + `\` + name)
		if err := refusedKey(refused, path+`\`+name, err); err != nil {
			return err
		}
		if v == nil {
			continue
		}
		if err := use(name, v); err != nil {
			return err
		}
	}
	return nil
}

// refusedKey notes a refusal in the gap and passes other errors on.
func refusedKey(refused *gap, path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission):
		refused.paths = append(refused.paths, path)
		return nil
	}
	return fmt.Errorf("registry: %w", err)
}

// userHives are the security identifiers of the people whose part of the registry is loaded: those who are logged in.
func (r winRegistry) userHives() ([]string, error) {
	names, err := r.keys("HKU")
	if err != nil {
		return nil, err
	}
	var sids []string
	for _, name := range names {
		if isPerson(name) {
			sids = append(sids, name)
		}
	}
	return sids, nil
}

// isPerson tells whether a security identifier is that of an account made for somebody: local or of a domain (S-1-5-21),
// or of Entra ID (S-1-12-1).
//
// Source: [MS-DTYP] 2.4.2.4.
func isPerson(sid string) bool {
	return (strings.HasPrefix(sid, "S-1-5-21-") || strings.HasPrefix(sid, "S-1-12-1-")) && !strings.HasSuffix(sid, "_Classes")
}

// regValues are the values of one key by name in lower case.
type regValues map[string]host.RegistryValue

// text is a value as text without the space around it; "" where there is none.
func (v regValues) text(name string) string {
	return strings.TrimSpace(v[strings.ToLower(name)].Text())
}

// texts are the texts of a list.
func (v regValues) texts(name string) []string { return v[strings.ToLower(name)].Texts() }

// number is a value as a number, false where there is none.
func (v regValues) number(name string) (uint64, bool) { return v[strings.ToLower(name)].Number() }

// is tells whether there is a number and it has that value.
func (v regValues) is(name string, want uint64) bool {
	n, ok := v.number(name)
	return ok && n == want
}

// installDay reads YYYYMMDD, as installers write it.
func installDay(s string) *string {
	t, err := time.Parse("20060102", s)
	if err != nil || t.Year() < 1980 {
		return nil
	}
	return datetime(t)
}

// filetime reads a FILETIME: steps of 100 ns since 1601. It is the zero Time for what is none.
//
// Source: [MS-DTYP] 2.3.3.
func filetime(n uint64) time.Time {
	const to1970 = 116444736000000000
	if n <= to1970 || n > 1<<62 {
		return time.Time{}
	}
	n -= to1970
	return time.Unix(int64(n/10_000_000), int64(n%10_000_000)*100).UTC()
}

// isGUID tells whether a text is a GUID in braces.
func isGUID(s string) bool {
	if len(s) != 38 || s[0] != '{' || s[37] != '}' || s[9] != '-' || s[14] != '-' || s[19] != '-' || s[24] != '-' {
		return false
	}
	_, err := hex.DecodeString(strings.ReplaceAll(s[1:37], "-", ""))
	return err == nil
}

// unpackGUID spells a GUID that Windows Installer packed: 32 digits, the first three fields and each byte of the rest
// turned round. "" for a text that is none.
func unpackGUID(s string) string {
	if len(s) != 32 {
		return ""
	}
	turned := []byte(strings.ToUpper(s))
	for at := 0; at < len(turned); {
		width := 2
		switch at {
		case 0:
			width = 8
		case 8, 12:
			width = 4
		}
		for i, j := at, at+width-1; i < j; i, j = i+1, j-1 {
			turned[i], turned[j] = turned[j], turned[i]
		}
		at += width
	}
	t := string(turned)
	guid := "{" + t[:8] + "-" + t[8:12] + "-" + t[12:16] + "-" + t[16:20] + "-" + t[20:] + "}"
	if !isGUID(guid) {
		return ""
	}
	return guid
}

// serialisedCertificate finds the DER form in what a certificate store of the registry holds: properties, each with
// number, encoding and length in four bytes, of which number 32 is the certificate.
//
// Source: CERT_CERT_PROP_ID and the property identifiers of wincrypt.h.
func serialisedCertificate(blob []byte) []byte {
	const certificateProperty, head = 32, 12
	for len(blob) >= head {
		id, length := binary.LittleEndian.Uint32(blob), binary.LittleEndian.Uint32(blob[8:])
		blob = blob[head:]
		if uint64(length) > uint64(len(blob)) {
			return nil
		}
		if id == certificateProperty {
			return blob[:length]
		}
		blob = blob[length:]
	}
	return nil
}

// indirect tells whether a text only names a text in a library, as @%SystemRoot%\system32\x.dll,-100.
func indirect(s string) bool { return strings.HasPrefix(s, "@") || strings.HasPrefix(s, "$(@") }

// shown is a text for people, "" for an indirect one. The description of a driver package stands behind the last
// semicolon: @oem1.inf,%name%;Real name.
func shown(s string) string {
	if !indirect(s) {
		return s
	}
	if at := strings.LastIndexByte(s, ';'); at >= 0 {
		return strings.TrimSpace(s[at+1:])
	}
	return ""
}
