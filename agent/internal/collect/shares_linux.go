// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"io/fs"
	"path"
	"slices"
	"strings"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() { register(Collector{Name: "shares", CollectFiles: collectShares}) }

const (
	sambaFile     = "etc/samba/smb.conf"
	exportsFile   = "etc/exports"
	exportsFolder = "etc/exports.d"
)

// collectShares lists what Samba and the kernel's NFS server are told to offer; whether they run is a fact of services.
//
// Source: smb.conf(5), exports(5).
func collectShares(_ context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
	var denied gap
	read := func(name string, parse func(string) []*inventoryv1.Share) error {
		rows, err := remember(files, h, name, func() ([]*inventoryv1.Share, error) {
			raw, err := host.ReadFile(h.FS(), name, smallFile)
			if err != nil {
				return nil, err
			}
			return parse(string(raw)), nil
		})
		snap.Shares = append(snap.Shares, rows...)
		return denied.allow(name, err)
	}
	troubles := []error{read(sambaFile, parseSamba), read(exportsFile, parseExports)}
	entries, err := fs.ReadDir(h.FS(), exportsFolder)
	troubles = append(troubles, denied.allow(exportsFolder, err))
	for _, e := range entries {
		if path.Ext(e.Name()) == ".exports" && !leftover(e.Name()) {
			troubles = append(troubles, read(exportsFolder+"/"+e.Name(), parseExports))
		}
	}
	troubles = slices.DeleteFunc(troubles, func(err error) bool { return err == nil })
	if err := denied.with(troubles); err != nil {
		return err
	}
	if len(snap.Shares) == 0 {
		return ErrAbsent
	}
	return nil
}

// sambaOptions are the parameters of a share that say who may do what.
var sambaOptions = []string{
	"read only", "writable", "writeable", "write ok", "guest ok", "public", "browseable", "browsable", "available", "valid users", "invalid users",
	"write list", "read list", "hosts allow", "hosts deny", "force user", "vfs objects",
}

// parseSamba reads the sections of smb.conf that are shares. Files that it includes are not followed.
func parseSamba(text string) []*inventoryv1.Share {
	var rows []*inventoryv1.Share
	var row *inventoryv1.Share
	var options []string
	finish := func() {
		if row != nil {
			row.Options = fact(strings.Join(options, ", "))
			rows = append(rows, row)
		}
		row, options = nil, nil
	}
	before := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if part, more := strings.CutSuffix(line, `\`); more {
			before += part
			continue
		}
		line, before = before+line, ""
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[' && line[len(line)-1] == ']':
			finish()
			if name := strings.TrimSpace(line[1 : len(line)-1]); name != "" && !strings.EqualFold(name, "global") {
				row = &inventoryv1.Share{Name: fact(name), Protocol: fact("smb"), Type: fact("disk")}
			}
		case row != nil:
			options = setSamba(row, line, options)
		}
	}
	finish()
	return rows
}

// setSamba applies one parameter to a share and returns its options.
func setSamba(row *inventoryv1.Share, line string, options []string) []string {
	name, value, ok := strings.Cut(line, "=")
	if !ok {
		return options
	}
	name, value = strings.ToLower(strings.Join(strings.Fields(name), " ")), strings.TrimSpace(value)
	switch {
	case name == "path" || name == "directory":
		row.Path = fact(value)
	case name == "comment":
		row.Description = fact(value)
	case (name == "printable" || name == "print ok") && truth(value):
		row.Type = fact("printer")
	case slices.Contains(sambaOptions, name):
		options = append(options, name+" = "+value)
	}
	return options
}

// parseExports reads lines of a path and clients with their options.
func parseExports(text string) []*inventoryv1.Share {
	var rows []*inventoryv1.Share
	text = strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "#")
		folder, clients := cutExport(line)
		if folder == "" {
			continue
		}
		rows = append(rows, &inventoryv1.Share{
			Name: fact(folder), Path: fact(folder), Protocol: fact("nfs"), Type: fact("disk"),
			Options: fact(strings.Join(strings.Fields(clients), " ")),
		})
	}
	return rows
}

// cutExport splits a line after its path, which may be in quotes and hold \040 for a blank.
func cutExport(line string) (folder, clients string) {
	if rest, quoted := strings.CutPrefix(line, `"`); quoted {
		folder, clients, _ = strings.Cut(rest, `"`)
	} else {
		folder, clients = cutFields(line, 1)
	}
	folder = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\043`, "#", `\134`, `\`).Replace(folder)
	if !strings.HasPrefix(folder, "/") {
		return "", ""
	}
	return folder, clients
}
