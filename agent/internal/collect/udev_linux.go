// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// udevProperties returns what udev keeps about a block device in its database; empty without udev.
// The file has lines like "E:ID_FS_TYPE=ext4".
func udevProperties(h host.Host, folder string) map[string]string {
	numbers := peek(h, folder+"/dev")
	if numbers == "" || !fs.ValidPath("run/udev/data/b"+numbers) {
		return nil
	}
	properties := map[string]string{}
	for line := range strings.Lines(peek(h, "run/udev/data/b"+numbers)) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "E:")
		if key, value, found := strings.Cut(rest, "="); ok && found {
			properties[key] = value
		}
	}
	return properties
}

// content is what names the file system on a block device.
type content struct{ uuid, label string }

// contentOf asks udev's database, and the links that udev makes where the database cannot be seen.
func contentOf(h host.Host, folder, name string) content {
	udev := udevProperties(h, folder)
	if udev["ID_FS_TYPE"] != "" {
		label := firstOf(udevText(udev["ID_FS_LABEL_ENC"]), udev["ID_FS_LABEL"])
		return content{uuid: udev["ID_FS_UUID"], label: label}
	}
	return content{
		uuid:  firstOf(udev["ID_FS_UUID"], linkTo(h, "by-uuid", name)),
		label: firstOf(udev["ID_FS_LABEL"], udevText(linkTo(h, "by-label", name))),
	}
}

// linkTo returns the name of the link to a block device in one of the folders of /dev/disk; "" for none.
func linkTo(h host.Host, folder, name string) string {
	entries, err := fs.ReadDir(h.FS(), "dev/disk/"+folder)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		target, err := fs.ReadLink(h.FS(), "dev/disk/"+folder+"/"+e.Name())
		if err == nil && path.Base(target) == name {
			return e.Name()
		}
	}
	return ""
}

// udevText resolves the \x20 that udev writes for characters that a link's name should not have.
func udevText(s string) string {
	var text strings.Builder
	for {
		before, rest, found := strings.Cut(s, `\x`)
		text.WriteString(before)
		if !found {
			return text.String()
		}
		if len(rest) >= 2 {
			if b, err := strconv.ParseUint(rest[:2], 16, 8); err == nil {
				text.WriteByte(byte(b))
				s = rest[2:]
				continue
			}
		}
		text.WriteString(`\x`)
		s = rest
	}
}
