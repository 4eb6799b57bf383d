// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package osquery

import (
	"context"
	"fmt"
	"net"
	"os"
)

// DefaultSocket is where osqueryd listens for extensions unless it is told otherwise.
//
// Source: osquery's documentation of --extensions_socket.
const DefaultSocket = "/var/osquery/osquery.em"

// dial connects; the error is fs.ErrNotExist when there is no socket. Whoever listens has to be root or who asks: anybody
// can listen at a path in a folder of his own, and tell the machine's inventory what he likes.
func dial(ctx context.Context, socket string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	uid, err := peer(conn.(*net.UnixConn))
	if err == nil && !trusted(uid, os.Geteuid()) {
		err = fmt.Errorf("%w: %s is that of the account with the number %d", errForeign, socket, uid)
	}
	if err != nil {
		_ = conn.Close() // nothing was said
		return nil, err
	}
	return conn, nil
}

// trusted tells whether an account may speak for the machine to self.
func trusted(uid uint32, self int) bool { return uid == 0 || int(uid) == self }

// peer returns the account of the one that listens at the other end.
func peer(conn *net.UnixConn) (uid uint32, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var asked error
	if err := raw.Control(func(fd uintptr) { uid, asked = peerOf(int(fd)) }); err != nil {
		return 0, err
	}
	return uid, os.NewSyscallError("getsockopt", asked)
}
