// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/rollcall-inventory/rollcall/proto/normal"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// Limits of what is read from files that somebody else writes.
const (
	smallFile = 1 << 20  // lists that people edit, tables of the kernel
	largeFile = 64 << 20 // package databases kept as one text
)

// fact makes an optional string of what a source says: nil for nothing, and only valid UTF-8 without NUL,
// because that is all that a snapshot can hold. It keeps a copy: a word must not hold the text that it was found in.
func fact(s string) *string {
	if s == "" {
		return nil
	}
	s = clean(strings.Clone(s))
	return &s
}

// clean replaces what is not UTF-8 and drops NUL bytes.
func clean(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	return s
}

// maxInteger bounds integers: every reader of JSON can hold them exactly.
const maxInteger = 1 << 53

// number makes an optional integer of decimal text, nil when it is none or none that a snapshot can hold.
func number(s string) *int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil {
		return nil
	}
	return integer(n)
}

// integer makes an optional integer, nil when a snapshot cannot hold it.
func integer(n int64) *int64 {
	if n > maxInteger || n < -maxInteger {
		return nil
	}
	return &n
}

// count is integer for what 0 means unknown.
func count(n int) *int64 {
	if n <= 0 {
		return nil
	}
	return integer(int64(n))
}

// datetime spells a moment as the snapshot does, in whole seconds: naive UTC. It is nil for no moment.
func datetime(t time.Time) *string {
	if t.IsZero() || t.Unix() < 0 || t.Year() > 9999 {
		return nil
	}
	s := normal.Datetime(t.Truncate(time.Second))
	return &s
}

// installTime spells when a row was installed, to the minute: what one run of a package manager installs shares a
// moment then, which halves what a machine takes to store.
func installTime(t time.Time) *string { return datetime(t.Truncate(time.Minute)) }

// arena hands out optional strings in blocks, so that a thousand rows of twenty columns do not cost a malloc each.
type arena struct{ free []string }

// fact is fact out of the arena.
func (a *arena) fact(s string) *string {
	if s == "" {
		return nil
	}
	if len(a.free) == 0 {
		a.free = make([]string, 512)
	}
	p := &a.free[0]
	a.free = a.free[1:]
	*p = clean(s)
	return p
}

// readLine returns a small file without the white space and NUL bytes around it; "" when there is none.
func readLine(h host.Host, name string) (string, error) {
	raw, err := host.ReadFile(h.FS(), name, smallFile)
	if err != nil {
		return "", err
	}
	return string(bytes.Trim(raw, "\x00 \t\r\n")), nil
}

// peek is readLine for a file that may be missing or refused without any loss worth telling.
func peek(h host.Host, name string) string {
	s, err := readLine(h, name)
	if err != nil {
		return ""
	}
	return s
}

// exists tells whether there is something at name.
func exists(h host.Host, name string) bool {
	_, err := fs.Stat(h.FS(), name)
	return err == nil
}

// absent turns a missing source into ErrAbsent and leaves other errors as they are.
func absent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrAbsent
	}
	return err
}

// firstOf returns the first text that is not empty.
func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// cutLine splits text after its first line, whose end is left out.
func cutLine(text string) (line, rest string) {
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		return strings.TrimSuffix(text[:i], "\r"), text[i+1:]
	}
	return text, ""
}

// onOff spells a state.
func onOff(on bool) *string {
	if on {
		return proto.String("on")
	}
	return proto.String("off")
}
