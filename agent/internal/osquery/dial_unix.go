// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package osquery

import (
	"context"
	"net"
)

// DefaultSocket is where osqueryd listens for extensions unless it is told otherwise.
//
// Source: osquery's documentation of --extensions_socket.
const DefaultSocket = "/var/osquery/osquery.em"

// dial connects; the error is fs.ErrNotExist when there is no socket.
func dial(ctx context.Context, socket string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", socket)
}
