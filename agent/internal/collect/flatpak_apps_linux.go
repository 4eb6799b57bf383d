// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"encoding/xml"
	"path"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// flatpakSystem and flatpakUsers are the folders of flatpak's installations.
const (
	flatpakSystem = "var/lib/flatpak"
	flatpakUsers  = "{root,home/*}/.local/share/flatpak"
)

// typeFlatpak is the type of package URLs of flatpaks, which the specification does not list.
const typeFlatpak = "flatpak"

func init() { register(Collector{Name: "flatpak_apps", CollectFiles: collectFlatpaks}) }

// collectFlatpaks lists the applications and runtimes of the system and of all users. What several users installed is
// listed once, since a row does not say whose it is.
//
// Source: flatpak's documentation and common/flatpak-dir.c for the layout of an installation.
func collectFlatpaks(ctx context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
	f := newFinder(h)
	merge := merger[*inventoryv1.FlatpakApp]{}
	for _, root := range f.find(flatpakSystem, flatpakUsers) {
		for _, folder := range f.find(root + "/{app,runtime}/*/*/*/active") {
			row := rememberFile(f, files, folder+"/deploy", func() *inventoryv1.FlatpakApp { return flatpakRow(f, root, folder) })
			if row != nil {
				merge.add(row)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	snap.FlatpakApps = merge.rows
	return f.result(len(snap.FlatpakApps))
}

// flatpakRow describes what is deployed in a folder <kind>/<id>/<arch>/<branch>/active of an installation.
func flatpakRow(f *finder, root, folder string) *inventoryv1.FlatpakApp {
	deploy := folder + "/deploy"
	parts := strings.Split(strings.TrimPrefix(folder, root+"/"), "/")
	kind, id, arch, branch := parts[0], parts[1], parts[2], parts[3]
	row := &inventoryv1.FlatpakApp{
		ApplicationId: fact(id), Arch: fact(arch), Branch: fact(branch), Type: fact(kind), Installation: proto.String("user"),
		InstallTime: installTime(modified(f.h, deploy)),
	}
	if root == flatpakSystem {
		row.Installation = proto.String("system")
	}
	if d, ok := parseFlatpakDeploy(f.read(deploy, smallFile)); ok {
		row.Origin, row.Commit, row.Size = fact(d.origin), fact(d.commit), integer(d.size)
		row.Name, row.Version = fact(d.texts["appdata-name"]), fact(d.texts["appdata-version"])
		row.Summary, row.License = fact(d.texts["appdata-summary"]), fact(d.texts["appdata-license"])
	}
	for _, section := range parseINI(string(f.read(folder+"/metadata", smallFile))) {
		if section.name == "Application" {
			row.Runtime = fact(section.values["runtime"])
		}
	}
	for _, name := range []string{"metainfo/" + id + ".metainfo.xml", "metainfo/" + id + ".appdata.xml", "appdata/" + id + ".appdata.xml"} {
		if raw := f.read(path.Join(folder, "files/share", name), smallFile); raw != nil {
			setMetainfo(row, raw)
			break
		}
	}
	row.Purl = purlOf(typeFlatpak, "", id, row.GetVersion(), "arch", arch)
	return row
}

// metainfo is the part of an AppStream document that matters. Texts in other languages have an attribute.
type metainfo struct {
	Name      []localText `xml:"name"`
	Summary   []localText `xml:"summary"`
	License   string      `xml:"project_license"`
	Developer []localText `xml:"developer>name"`
	OldStyle  []localText `xml:"developer_name"`
	Releases  []struct {
		Version string `xml:"version,attr"`
	} `xml:"releases>release"`
}

// localText is a text and its language.
type localText struct {
	Language string `xml:"http://www.w3.org/XML/1998/namespace lang,attr"`
	Text     string `xml:",chardata"`
}

// setMetainfo fills what the deployment did not say from the application's own description. A document that cannot be read
// says nothing.
//
// Source: the AppStream specification.
func setMetainfo(row *inventoryv1.FlatpakApp, raw []byte) {
	var m metainfo
	if xml.Unmarshal(raw, &m) != nil {
		return
	}
	row.Name = fact(firstOf(row.GetName(), original(m.Name)))
	row.Summary = fact(firstOf(row.GetSummary(), original(m.Summary)))
	row.License = fact(firstOf(row.GetLicense(), strings.TrimSpace(m.License)))
	row.Developer = fact(firstOf(original(m.Developer), original(m.OldStyle)))
	if row.Version == nil && len(m.Releases) > 0 {
		row.Version = fact(m.Releases[0].Version) // the newest comes first
	}
}

// original is the text that is no translation.
func original(texts []localText) string {
	for _, t := range texts {
		if t.Language == "" {
			return strings.Join(strings.Fields(t.Text), " ")
		}
	}
	return ""
}
