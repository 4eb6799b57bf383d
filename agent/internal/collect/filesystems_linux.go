// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	register(Collector{Name: "filesystems", Essential: true, Collect: collectFilesystems})
}

// collectFilesystems lists what is mounted from disks and over the network, and what fstab(5) has for mounting and is
// not. Sizes that move with what is stored are left out: those of zfs and of the network, and the inodes of all but the
// ext family.
//
// Source: /proc/1/mountinfo or /proc/self/mountinfo, statfs(2), fstab(5), the database of udev.
func collectFilesystems(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	mounts, err := storageMounts(ctx, h)
	if err != nil {
		return err
	}
	var refused gap
	listed := map[string]bool{}
	for _, m := range mounts {
		f, err := filesystemOf(ctx, h, m, &refused)
		if err != nil {
			return err
		}
		listed[m.Path] = true
		snap.Filesystems = append(snap.Filesystems, f)
	}
	for _, f := range parseFstab(peek(h, "etc/fstab")) {
		if !listed[f.GetPath()] {
			listed[f.GetPath()] = true
			snap.Filesystems = append(snap.Filesystems, f)
		}
	}
	return refused.err()
}

// filesystemOf describes one mount.
func filesystemOf(ctx context.Context, h host.Host, m host.Mount, refused *gap) (*inventoryv1.Filesystem, error) {
	f := &inventoryv1.Filesystem{
		Path: fact(m.Path), Device: fact(m.Device), Type: fact(m.Type), Options: fact(mountOptions(m.Options)),
	}
	if slices.Contains(m.Options, "ro") {
		f.ReadOnly = proto.Bool(true)
	}
	name, local := strings.CutPrefix(m.Device, "/dev/")
	if !local {
		return f, nil
	}
	if !strings.Contains(name, "/") {
		setDeviceFacts(h, f, name)
	}
	u, err := usageOf(ctx, h, m.Path)
	if err := refused.allow(strings.TrimPrefix(m.Path, "/"), err); err != nil {
		return nil, err
	}
	if u.SizeBytes > 0 {
		f.Size = integer(u.SizeBytes)
	}
	if u.Inodes > 0 && strings.HasPrefix(m.Type, "ext") {
		f.Inodes = integer(u.Inodes)
	}
	return f, nil
}

// setDeviceFacts writes what is known about the file system's device. A device mapper target is called by its name,
// because its number depends on the order of starting.
func setDeviceFacts(h host.Host, f *inventoryv1.Filesystem, name string) {
	folder := "sys/class/block/" + name
	c := contentOf(h, folder, name)
	f.Uuid, f.Label = fact(c.uuid), fact(c.label)
	if mapped := peek(h, folder+"/dm/name"); mapped != "" {
		f.Device = fact("/dev/mapper/" + mapped)
	}
	if exists(h, folder) {
		f.Encrypted = proto.Bool(encryptedBelow(h, folder, 0))
	}
}

// parseFstab returns the file systems that are to be mounted when the machine starts, or when somebody goes there, as
// far as they hold somebody's data.
//
// Source: fstab(5), systemd.mount(5) for x-systemd.automount.
func parseFstab(text string) []*inventoryv1.Filesystem {
	var rows []*inventoryv1.Filesystem
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 3 || strings.HasPrefix(fields[0], "#") || !strings.HasPrefix(fields[1], "/") {
			continue
		}
		options := "defaults"
		if len(fields) > 3 {
			options = fields[3]
		}
		source, kind, set := fields[0], fields[2], strings.Split(options, ",")
		tag, value, tagged := strings.Cut(source, "=")
		storage := strings.HasPrefix(source, "/dev/") || tagged || slices.Contains(networkTypes, kind)
		if !storage || kind == "swap" || slices.Contains(set, "bind") ||
			slices.Contains(set, "noauto") && !slices.Contains(set, "x-systemd.automount") {
			continue
		}
		f := &inventoryv1.Filesystem{Path: fact(unescapeMount(fields[1])), Type: fact(kind), Options: fact(mountOptions(set))}
		switch value = unescapeMount(strings.Trim(value, `"`)); {
		case tag == "UUID":
			f.Uuid = fact(value)
		case tag == "LABEL":
			f.Label = fact(value)
		case !tagged:
			f.Device = fact(unescapeMount(source))
		}
		if slices.Contains(set, "ro") {
			f.ReadOnly = proto.Bool(true)
		}
		rows = append(rows, f)
	}
	return rows
}

// mountOptions joins options without the passwords that some file systems take among them.
func mountOptions(options []string) string {
	safe := make([]string, len(options))
	for i, option := range options {
		safe[i] = option
		name, value, ok := strings.Cut(option, "=")
		if ok && secretName(name) {
			safe[i] = name + "=" + masked
		} else if at := strings.IndexAny(value, ":%"); at >= 0 && strings.HasPrefix(name, "user") {
			safe[i] = name + "=" + value[:at] + masked // user%password of mount.cifs(8)
		}
	}
	return strings.Join(safe, ",")
}

// unescapeMount resolves the four characters that fstab(5) spells in octal.
func unescapeMount(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
