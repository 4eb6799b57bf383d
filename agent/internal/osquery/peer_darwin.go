// SPDX-License-Identifier: Apache-2.0

package osquery

import "golang.org/x/sys/unix"

// peerOf returns the account of the other end of a connection, at the time when it began to listen.
//
// Source: LOCAL_PEERCRED in unix(4).
func peerOf(fd int) (uint32, error) {
	credentials, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, err
	}
	return credentials.Uid, nil
}
