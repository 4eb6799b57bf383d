// SPDX-License-Identifier: Apache-2.0

// Package host is the agent's only door to the machine it runs on: its files, its kernel's tables and what moves in it.
//
// It reads. It never opens a socket that listens, and knows nothing about inventory. It starts no program, except for
// the few of macOS that Program lists, which answer what that system keeps in no file.
// A test hands over another machine with package hosttest.
package host

import (
	"context"
	"io/fs"
	"net/http"
	"net/netip"
	"time"
)

// Host is one machine. It is safe for concurrent use.
type Host interface {
	// FS is the machine's file tree from its root, so that /etc/hostname is "etc/hostname".
	// Symbolic links can be read with fs.ReadLink. What is neither a file nor a folder cannot be opened. The file system
	// may block on a remote mount.
	FS() fs.FS
	// Uname is what the kernel calls itself and its hardware.
	Uname() (Uname, error)
	// HypervisorSignature is the text in the processor's hypervisor leaf (CPUID 0x40000000), such as "KVMKVMKVM".
	// It is empty on bare metal and on processors without such a leaf.
	HypervisorSignature() string
	// Interfaces lists the network interfaces with their addresses, in the kernel's order.
	Interfaces() ([]Interface, error)
	// Routes lists the lines of the main routing table, in the kernel's order; nil where nobody asks for them yet.
	Routes() ([]Route, error)
	// Mounts lists what is mounted, pseudo file systems included, in the kernel's order.
	Mounts(ctx context.Context) ([]Mount, error)
	// Usage measures the file system mounted at path. A mount that does not answer fails when ctx ends.
	Usage(ctx context.Context, path string) (Usage, error)
	// Vitals is what moves all the time.
	Vitals(ctx context.Context) (Vitals, error)
	// SMBIOS is the firmware's structure table without its entry point (DMTF DSP0134). The error is fs.ErrNotExist where
	// the firmware has none, fs.ErrPermission where only the administrator may read it.
	SMBIOS() ([]byte, error)
	// Metadata carries requests to the metadata service of a cloud: no proxy, no redirect, no kept connection. Its caller
	// makes sure that the machine is in that cloud, and sets a deadline.
	Metadata() http.RoundTripper

	// What macOS keeps in no file.

	// Sysctl returns a value of the kernel, such as hw.model; fs.ErrNotExist for an unknown name and on other systems.
	Sysctl(name string) (string, error)
	// Output is what one of the system's own programs prints; fs.ErrNotExist on other systems.
	Output(ctx context.Context, p Program) ([]byte, error)

	// What Windows keeps in no file.

	// Registry is the registry; nil on other systems.
	Registry() Registry
	// Drives lists the physical drives; nil on other systems.
	Drives(ctx context.Context) ([]Drive, error)
	// Volumes lists the volumes with a drive letter; nil on other systems.
	Volumes(ctx context.Context) ([]Volume, error)
	// ServiceStates tells by name which services of Windows run; nil on other systems.
	ServiceStates(ctx context.Context) (map[string]bool, error)
	// Accounts lists the local accounts and groups of Windows; nil on other systems.
	Accounts(ctx context.Context) ([]Account, []AccountGroup, error)
	// Devices names what is plugged in as the registry of Windows names it below Enum, BUS\ID\INSTANCE; nil on other systems.
	Devices() ([]string, error)
}

// Uname is what uname(2) tells.
type Uname struct {
	// KernelName is "Linux".
	KernelName string
	// Release is the kernel's version, "6.1.0-21-amd64".
	Release string
	// Machine is the kernel's name of the architecture, "x86_64".
	Machine string
}

// Interface is one network interface.
type Interface struct {
	Name string
	// MAC is empty where the link has no address.
	MAC       string
	MTU       int
	Loopback  bool
	Addresses []Address

	// What Windows tells together with the addresses; empty elsewhere.

	// ID is the name of the interface in the registry, a GUID in braces.
	ID          string
	Description string
	// Type is ethernet, wireless, tunnel or empty, as in NetworkInterface.
	Type      string
	SpeedMbps int64
}

// Address is one address of an interface.
type Address struct {
	Prefix netip.Prefix
	// Broadcast is the zero Addr where there is none.
	Broadcast netip.Addr
	// Temporary marks the privacy addresses of IPv6, which change every few hours.
	Temporary bool
	// Leased marks an address that ends by itself unless somebody renews it.
	Leased bool
}

// Route is one line of the main routing table; a line with several next hops is as many.
type Route struct {
	// Destination is 0.0.0.0/0 or ::/0 for a default route.
	Destination netip.Prefix
	// Gateway is the zero Addr for what is on the link.
	Gateway netip.Addr
	// Source is the address that the machine prefers for packets of its own, the zero Addr for any.
	Source    netip.Addr
	Interface string
	// Metric orders lines of the same destination, lowest first.
	Metric uint32
	// Type is unicast, blackhole, unreachable, prohibit, throw …
	Type string
	// Protocol is who made the line, by the kernel's number: what nobody but a routing daemon uses is above 17.
	Protocol uint8
}

// Mount is one mounted file system.
type Mount struct {
	Device  string
	Path    string
	Type    string
	Options []string
	// Bind tells that the mount shows a part of its file system only.
	Bind bool
}

// Usage is the size of a mounted file system.
type Usage struct {
	SizeBytes int64
	// FreeBytes is what ordinary users may still fill.
	FreeBytes int64
	Inodes    int64
}

// Vitals is what moves all the time.
type Vitals struct {
	BootTime time.Time
	Uptime   time.Duration
	// Load holds the averages over 1, 5 and 15 minutes; empty where there is no such thing.
	Load []float64
}
