// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// holder is the program that holds a socket.
type holder struct {
	pid        int
	name, path string
}

// socketHolders finds the programs that hold the wanted sockets, by inode; of several the one with the lowest process
// id, which is the parent or systemd itself. It tells whether it was refused to look at a process.
func socketHolders(ctx context.Context, h host.Host, wanted map[string]bool) (holders map[string]holder, denied bool, err error) {
	holders = map[string]holder{}
	if len(wanted) == 0 {
		return holders, false, nil
	}
	entries, err := fs.ReadDir(h.FS(), "proc")
	if err != nil {
		return nil, false, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue // not a process
		}
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		folder := "proc/" + e.Name()
		fds, err := fs.ReadDir(h.FS(), folder+"/fd")
		denied = denied || errors.Is(err, fs.ErrPermission)
		for _, fd := range fds {
			inode := socketInode(h, folder+"/fd/"+fd.Name())
			if other, held := holders[inode]; !wanted[inode] || held && other.pid < pid {
				continue
			}
			holders[inode] = holderOf(h, folder, pid)
		}
	}
	return holders, denied, nil
}

// socketInode returns the inode of the socket behind an open file, "" if it is none.
func socketInode(h host.Host, file string) string {
	target, err := fs.ReadLink(h.FS(), file)
	if err != nil {
		return ""
	}
	inode, is := strings.CutPrefix(target, "socket:[")
	if !is {
		return ""
	}
	return strings.TrimSuffix(inode, "]")
}

// holderOf names the program of a process: by its file, or as it calls itself where that may not be seen.
func holderOf(h host.Host, folder string, pid int) holder {
	file, err := fs.ReadLink(h.FS(), folder+"/exe")
	if err != nil {
		return holder{pid: pid, name: peek(h, folder+"/comm")}
	}
	file = strings.TrimSuffix(file, " (deleted)") // an upgrade took its place
	return holder{pid: pid, name: path.Base(file), path: file}
}
