// SPDX-License-Identifier: Apache-2.0

package load

import (
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// listenersOf returns the processes of this machine that listen on one of the ports.
func listenersOf(ports []int) []int {
	sockets := listeningSockets(ports)
	if len(sockets) == 0 {
		return nil
	}
	found := map[int]bool{}
	links, _ := filepath.Glob(filepath.Join(procFolder, "[0-9]*", "fd", "*")) // the pattern is right
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || !sockets[target] {
			continue // it ended, or is somebody else's
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(link)))); err == nil {
			found[pid] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// listeningSockets returns the sockets that listen on one of the ports, as /proc/pid/fd names them.
func listeningSockets(ports []int) map[string]bool {
	const address, state, inode, listening = 1, 3, 9, "0A"
	sockets := map[string]bool{}
	for _, table := range []string{"tcp", "tcp6"} {
		raw, err := os.ReadFile(filepath.Join(procFolder, "net", table))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(raw)) {
			fields := strings.Fields(line)
			if len(fields) <= inode || fields[state] != listening {
				continue
			}
			_, hex, _ := strings.Cut(fields[address], ":")
			port, err := strconv.ParseInt(hex, 16, 32)
			if err == nil && slices.Contains(ports, int(port)) {
				sockets["socket:["+fields[inode]+"]"] = true
			}
		}
	}
	return sockets
}

// portsOf returns the ports of addresses.
func portsOf(addresses []string) []int {
	var ports []int
	for _, address := range addresses {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			continue
		}
		if n, err := strconv.Atoi(port); err == nil {
			ports = append(ports, n)
		}
	}
	return ports
}
