// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"cmp"
	"context"
	"debug/buildinfo"
	"encoding/binary"
	"io"
	"path"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/package-url/packageurl-go"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// goPlaces are the programs that no package manager accounts for, by system.
var goPlaces = map[string][]string{
	"linux": {
		"usr/local/go/bin/*", "usr/local/{bin,sbin}/*", "opt/bin/*", "opt/*/{bin,sbin}/*",
		"{root,home/*}/{go/bin,.local/bin,bin}/*",
	},
	"darwin": {
		"usr/local/go/bin/*", "usr/local/{bin,sbin}/*", "opt/homebrew/bin/*", "Users/*/{go/bin,.local/bin,bin}/*",
	},
	"windows": {"Program Files/Go/bin/*.exe", "Users/*/{go/bin,.local/bin}/*.exe"},
}

func init() {
	for system, places := range goPlaces {
		register(Collector{
			Name: "go_binaries", On: []string{system},
			CollectFiles: func(ctx context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
				return collectGoBinaries(ctx, h, files, snap, places)
			},
		})
	}
}

// collectGoBinaries lists the programs that Go built, with the modules inside them. Only the tables of a program are read,
// never the whole file, so their checksums are not known.
//
// Source: Go's package debug/buildinfo.
func collectGoBinaries(ctx context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot, places []string) error {
	f := newFinder(h)
	show := spelling(h)
	for _, name := range f.find(places...) {
		row := rememberFile(f, files, name, func() *inventoryv1.GoBinary { return goBinary(f, show, name) })
		if row != nil {
			snap.GoBinaries = append(snap.GoBinaries, row)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return f.result(len(snap.GoBinaries))
}

// goBinary describes one program, nil for what Go did not build.
func goBinary(f *finder, show func(string) string, name string) *inventoryv1.GoBinary {
	file := f.open(name)
	if file == nil {
		return nil
	}
	defer file.Close()
	reader, ok := file.(io.ReaderAt)
	if !ok || !isProgram(reader) {
		return nil
	}
	build, err := buildinfo.Read(&tables{r: reader, left: maxTables})
	if err != nil {
		return nil // not built by Go
	}
	row := goRow(build)
	row.Path = fact(show(name))
	if row.Name == nil {
		row.Name = fact(path.Base(name))
	}
	if strings.HasSuffix(path.Dir(name), "/go/bin") && !strings.HasPrefix(name, "usr/") {
		row.InstallTime = installTime(modified(f.h, name)) // go install wrote it; elsewhere a file has the time of its archive
	}
	return row
}

// maxTables bounds what is read of one program: the search for the tables goes through all data of one that has none, and
// anybody can make a file that claims terabytes of it.
const maxTables = 64 << 20

// tables is a reader that fails after so many bytes.
type tables struct {
	r    io.ReaderAt
	left int64
}

// ReadAt implements io.ReaderAt.
func (t *tables) ReadAt(p []byte, at int64) (int, error) {
	if t.left -= int64(len(p)); t.left < 0 {
		return 0, host.ErrTooLarge
	}
	return t.r.ReadAt(p, at)
}

// isProgram tells ELF, Mach-O and PE files from scripts.
func isProgram(r io.ReaderAt) bool {
	var head [4]byte
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return false
	}
	switch binary.BigEndian.Uint32(head[:]) {
	case 0x7f454c46, 0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe, 0xcafebabe:
		return true
	}
	return head[0] == 'M' && head[1] == 'Z'
}

// goRow makes a row of build information.
func goRow(build *debug.BuildInfo) *inventoryv1.GoBinary {
	row := &inventoryv1.GoBinary{
		Version: fact(build.Main.Version), Package: fact(build.Path), Module: fact(build.Main.Path),
		GoVersion: fact(build.GoVersion), Name: fact(goName(build.Path)),
	}
	for _, s := range build.Settings {
		switch s.Key {
		case "vcs.revision":
			row.Revision = fact(s.Value)
		case "GOOS":
			row.Os = fact(s.Value)
		case "GOARCH":
			row.Arch = fact(s.Value)
		}
	}
	for _, m := range build.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		row.Modules = append(row.Modules, &inventoryv1.GoModule{Path: fact(m.Path), Version: fact(m.Version), Sum: fact(m.Sum)})
	}
	slices.SortFunc(row.Modules, func(a, b *inventoryv1.GoModule) int {
		return cmp.Or(strings.Compare(a.GetPath(), b.GetPath()), strings.Compare(a.GetVersion(), b.GetVersion()))
	})
	if build.Main.Path != "" {
		namespace, name := "", build.Main.Path
		if i := strings.LastIndexByte(name, '/'); i >= 0 {
			namespace, name = name[:i], name[i+1:]
		}
		row.Purl = purlOf(packageurl.TypeGolang, namespace, name, strings.TrimPrefix(build.Main.Version, "(devel)"))
	}
	return row
}

// goName is the last element of a main package's path that is not the number of a major version.
func goName(pkg string) string {
	name := path.Base(pkg)
	if len(name) > 1 && name[0] == 'v' && strings.Trim(name[1:], "0123456789") == "" {
		name = path.Base(path.Dir(pkg))
	}
	if name == "." || name == "/" {
		return ""
	}
	return name
}
