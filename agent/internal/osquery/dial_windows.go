// SPDX-License-Identifier: Apache-2.0

package osquery

import (
	"context"
	"fmt"
	"net"
	"os"
	"unsafe"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"
)

// DefaultSocket is where osqueryd listens for extensions unless it is told otherwise.
//
// Source: osquery's documentation of --extensions_socket.
const DefaultSocket = `\\.\pipe\osquery.em`

// dial connects, and lets nobody at the other end act in the agent's name; the error is fs.ErrNotExist when there is no
// pipe. Its owner has to be the system, the administrators or who asks: anybody can make a pipe of a name that is free,
// and tell the machine's inventory what he likes.
func dial(ctx context.Context, socket string) (net.Conn, error) {
	conn, err := winio.DialPipeAccessImpLevel(ctx, socket, windows.GENERIC_READ|windows.GENERIC_WRITE, winio.PipeImpLevelAnonymous)
	if err != nil {
		return nil, err
	}
	if err := trustedPipe(conn); err != nil {
		_ = conn.Close() // nothing was said
		return nil, fmt.Errorf("%s: %w", socket, err)
	}
	return conn, nil
}

// trustedPipe returns an error unless the owner of a pipe may speak for the machine.
func trustedPipe(conn net.Conn) error {
	pipe, ok := conn.(interface{ Fd() uintptr })
	if !ok {
		return errForeign
	}
	descriptor, err := windows.GetSecurityInfo(windows.Handle(pipe.Fd()), windows.SE_KERNEL_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return os.NewSyscallError("GetSecurityInfo", err)
	}
	owner, _, err := descriptor.Owner()
	if err != nil {
		return err
	}
	if owner == nil {
		return errForeign
	}
	if owner.IsWellKnown(windows.WinLocalSystemSid) || owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) {
		return nil
	}
	var answer struct { // TOKEN_OWNER, and room for the identifier that it points to
		owner *windows.SID
		sid   [80]byte
	}
	size := uint32(unsafe.Sizeof(answer))
	err = windows.GetTokenInformation(windows.GetCurrentProcessToken(), windows.TokenOwner, (*byte)(unsafe.Pointer(&answer)), size, &size)
	if err != nil {
		return os.NewSyscallError("GetTokenInformation", err)
	}
	if !owner.Equals(answer.owner) {
		return fmt.Errorf("%w: it is that of %s", errForeign, owner)
	}
	return nil
}
