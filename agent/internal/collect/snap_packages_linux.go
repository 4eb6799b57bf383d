// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"encoding/json"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"gopkg.in/yaml.v3"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// The files of snapd.
const (
	snapState      = "var/lib/snapd/state.json" // only root may read it
	snapFiles      = "var/lib/snapd/snaps"
	snapAssertions = "var/lib/snapd/assertions/asserts-v0"
)

// snapMounts are the folders below which snapd mounts snaps; distributions without a folder /snap use the second.
var snapMounts = []string{"snap", "var/lib/snapd/snap"}

// typeSnap is the type of package URLs of snaps, which the specification does not list.
const typeSnap = "snap"

func init() { register(Collector{Name: "snap_packages", CollectFiles: collectSnaps}) }

// collectSnaps lists the snaps with the revision that is in use. The state of snapd says which those are; without the
// privilege to read it, the mounted snaps do, and their channels and the snaps that are switched off stay unknown.
//
// Source: snapd's overlord/snapstate (SnapState, SideInfo), the reference of snap.yaml, and its asserts/fsbackstore.go.
func collectSnaps(_ context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
	f := newFinder(h)
	states := rememberFile(f, files, snapState, func() map[string]snapInUse {
		return parseSnapState(f.read(snapState, largeFile))
	})
	for _, folder := range snapMounts {
		for _, e := range f.list(folder) {
			link := path.Join(folder, e.Name(), "current")
			if _, known := states[e.Name()]; known || !e.IsDir() {
				continue
			}
			if revision, err := fs.ReadLink(h.FS(), link); err == nil {
				row := snapRow(f, files, e.Name(), snapInUse{Revision: path.Base(revision)})
				row.Enabled = proto.Bool(true)
				snap.SnapPackages = append(snap.SnapPackages, row)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(states)) {
		row := snapRow(f, files, name, states[name])
		row.Enabled = proto.Bool(states[name].Active)
		snap.SnapPackages = append(snap.SnapPackages, row)
	}
	return f.result(len(snap.SnapPackages))
}

// snapInUse is what snapd's state says about a snap.
type snapInUse struct {
	ID, Revision, Channel, Type string
	Active                      bool
}

// parseSnapState reads which revision of each snap is in use; nil for what is not a state. The elements of a sequence have
// a layer more since snapd knows components.
func parseSnapState(raw []byte) map[string]snapInUse {
	type revision struct {
		ID       string          `json:"snap-id"`
		Revision json.RawMessage `json:"revision"`
	}
	var state struct {
		Data struct {
			Snaps map[string]struct {
				Type     string          `json:"type"`
				Active   bool            `json:"active"`
				Current  json.RawMessage `json:"current"`
				Channel  string          `json:"channel"`
				Sequence []struct {
					revision
					Snap revision `json:"snap"`
				} `json:"sequence"`
			} `json:"snaps"`
		} `json:"data"`
	}
	if json.Unmarshal(raw, &state) != nil || state.Data.Snaps == nil {
		return nil
	}
	found := map[string]snapInUse{}
	for name, s := range state.Data.Snaps {
		current := strings.Trim(string(s.Current), `"`)
		if current == "" || current == "unset" || strings.Contains(name, "/") {
			continue // being installed
		}
		use := snapInUse{Revision: current, Channel: s.Channel, Type: s.Type, Active: s.Active}
		for _, r := range s.Sequence {
			for _, r := range []revision{r.revision, r.Snap} {
				if strings.Trim(string(r.Revision), `"`) == current {
					use.ID = firstOf(r.ID, use.ID)
				}
			}
		}
		found[name] = use
	}
	return found
}

// snapRow describes one snap; the row is a new one.
func snapRow(f *finder, files *memo, name string, use snapInUse) *inventoryv1.SnapPackage {
	row := &inventoryv1.SnapPackage{Name: fact(name), Revision: number(use.Revision), Channel: fact(use.Channel), Type: fact(use.Type)}
	for _, folder := range snapMounts {
		yamlFile := path.Join(folder, name, use.Revision, "meta/snap.yaml")
		about := rememberFile(f, files, yamlFile, func() *snapYAML { return parseSnapYAML(f.read(yamlFile, smallFile)) })
		if about == nil {
			continue
		}
		about.describe(row)
		if link, err := fs.Lstat(f.h.FS(), path.Join(folder, name, "current")); err == nil {
			row.InstallTime = installTime(link.ModTime()) // as snapd itself does
		}
		break
	}
	file := snapFiles + "/" + name + "_" + use.Revision + ".snap"
	if info, err := fs.Stat(f.h.FS(), file); err == nil {
		row.Size = integer(info.Size())
	}
	row.Publisher = fact(snapPublisher(f, files, use.ID))
	row.Purl = purlOf(typeSnap, "", name, row.GetVersion(), "arch", row.GetArch())
	return row
}

// snapPublisher is the display name of the account that publishes a snap, as the store signed it.
func snapPublisher(f *finder, files *memo, id string) string {
	if id == "" || strings.ContainsAny(id, "/.") {
		return ""
	}
	declaration := snapAssertions + "/snap-declaration/16/" + id
	account := snapHeader(f, files, declaration, "publisher-id")
	if account == "" || strings.ContainsAny(account, "/.") {
		return ""
	}
	return firstOf(snapHeader(f, files, snapAssertions+"/account/"+account, "display-name"), account)
}

// snapHeader returns a header of an assertion, which is kept in a file "active" or, for a newer format, "active.4".
func snapHeader(f *finder, files *memo, folder, header string) string {
	for _, e := range f.list(folder) {
		if !strings.HasPrefix(e.Name(), "active") {
			continue
		}
		name := folder + "/" + e.Name()
		value := rememberFile(f, files, name, func() string {
			for text := string(f.read(name, smallFile)); len(text) > 0; {
				var line string
				if line, text = cutLine(text); line == "" {
					break // its body and signature follow
				}
				if value, ok := strings.CutPrefix(line, header+": "); ok {
					return strings.TrimSpace(value)
				}
			}
			return ""
		})
		if value != "" {
			return value
		}
	}
	return ""
}

// snapYAML are the fields of snap.yaml that matter.
type snapYAML struct {
	Version       yaml.Node `yaml:"version"`
	Type          string    `yaml:"type"`
	Base          string    `yaml:"base"`
	Summary       string    `yaml:"summary"`
	License       string    `yaml:"license"`
	Confinement   string    `yaml:"confinement"`
	Architectures yaml.Node `yaml:"architectures"`
	Links         struct {
		Website yaml.Node `yaml:"website"`
	} `yaml:"links"`
}

// parseSnapYAML reads a snap.yaml; nil for what is none.
func parseSnapYAML(raw []byte) *snapYAML {
	about := &snapYAML{}
	if len(raw) == 0 || yaml.Unmarshal(raw, about) != nil {
		return nil
	}
	return about
}

// describe writes the facts of a snap.yaml into a row. A snap without a type is an application and one without
// confinement strictly confined, by definition.
func (y *snapYAML) describe(row *inventoryv1.SnapPackage) {
	row.Version = fact(y.Version.Value) // as it is spelled: 1.10 is no number
	row.Base, row.Summary, row.License = fact(y.Base), fact(strings.TrimSpace(y.Summary)), fact(y.License)
	row.Type = fact(firstOf(row.GetType(), y.Type, "app"))
	row.Confinement = fact(firstOf(y.Confinement, "strict"))
	row.Arch, row.Homepage = fact(firstScalar(y.Architectures)), fact(firstScalar(y.Links.Website))
}

// firstScalar is a scalar, or the first one of a list.
func firstScalar(n yaml.Node) string {
	if n.Kind == yaml.SequenceNode && len(n.Content) > 0 {
		n = *n.Content[0]
	}
	if n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}
