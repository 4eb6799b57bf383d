// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// maxOutput bounds what a program may print.
const maxOutput = 16 << 20

// Sysctl implements Host.
func (m *Machine) Sysctl(name string) (string, error) {
	raw, err := unix.SysctlRaw(name)
	if err != nil {
		return "", fmt.Errorf("sysctl %s: %w", name, err)
	}
	return sysctlText(name, raw), nil
}

// output runs a program.
func output(ctx context.Context, p Program) ([]byte, error) {
	words := strings.Fields(string(p))
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C"}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w", words[0], err)
	}
	if out.Len() > maxOutput {
		return nil, fmt.Errorf("%s: %w", words[0], ErrTooLarge)
	}
	return out.Bytes(), nil
}
