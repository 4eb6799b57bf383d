// SPDX-License-Identifier: Apache-2.0

package osquery

import (
	"context"
	"net"

	"github.com/Microsoft/go-winio"
)

// DefaultSocket is where osqueryd listens for extensions unless it is told otherwise.
//
// Source: osquery's documentation of --extensions_socket.
const DefaultSocket = `\\.\pipe\osquery.em`

// dial connects; the error is fs.ErrNotExist when there is no pipe.
func dial(ctx context.Context, socket string) (net.Conn, error) {
	return winio.DialPipeContext(ctx, socket)
}
