// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect/plist"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// programDict runs one of the system's programs and returns the dictionary that it prints, or the first of an array.
// ErrAbsent is for one that prints nothing, as ioreg(8) does of what the machine does not have.
func programDict(ctx context.Context, h host.Host, p host.Program) (plist.Dict, error) {
	raw, err := h.Output(ctx, p)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, ErrAbsent
	}
	name, _, _ := strings.Cut(string(p), " ")
	value, err := plist.Decode(raw)
	if err != nil {
		return nil, fmt.Errorf("output of %s: %w", name, err)
	}
	dicts := plist.Dicts(value)
	if len(dicts) == 0 {
		return nil, ErrAbsent
	}
	return dicts[0], nil
}

// sysctl returns a value of the kernel; "" for one that it does not have.
func sysctl(h host.Host, name string) string {
	s, err := h.Sysctl(name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(s)
}

// positive is number for what 0 means unknown.
func positive(s string) *int64 {
	if n := number(s); n != nil && *n > 0 {
		return n
	}
	return nil
}
