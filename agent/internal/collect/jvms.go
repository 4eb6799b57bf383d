// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"cmp"
	"context"
	"crypto/sha1" //nolint:gosec // RFC 9562 makes version 5 of it
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// One collector fills both kinds: the archives are found through the virtual machines that use them.
func init() {
	kinds := []string{"jvms", "java_components"}
	register(Collector{Name: "jvms", Kinds: kinds, CollectFiles: collectJava(javaProcesses)})
	register(Collector{
		Name: "jvms", Kinds: kinds, On: []string{"darwin", "windows"}, CollectFiles: collectJava(javaPerfFolders),
	})
}

// javaRegistered is the state of the virtual machine that stands for archives where none runs. One that ends just leaves
// the section: TERMINATED and OFFLINE are what the aggregator says of it then.
const (
	javaRunning    = "RUNNING"
	javaRegistered = "REGISTERED"
)

// The ways of an archive's use: held open by the process, or only named to it.
const (
	javaOpen      = "open"
	javaClassPath = "class_path"
)

// javaRound is one collection.
type javaRound struct {
	ctx   context.Context //nolint:containedctx // lives for one collection
	h     host.Host
	files *memo
	gap   gap
	// troubles are archives that cannot be read; each costs itself.
	troubles []error
	// uses are all archives found, by the path that is shown.
	uses map[string]javaUse
	// closed are the files that were refused or cannot be read, each noted once for all processes.
	closed map[string]bool
	seed   string // of this machine's ids
}

// javaUse is an archive, and how it is used.
type javaUse struct {
	name     string // in host.FS
	path     string // as it is shown
	evidence string
}

// collectJava makes a collector of a way to find running virtual machines.
//
// A path is what the process sees, where that is also what the machine sees. In a container it begins with the first
// twelve digits of the container's id and a colon, as docker cp and podman cp write it; in another tree of its own, with
// /proc/<pid>/root.
func collectJava(find func(*javaRound) ([]*inventoryv1.Jvm, error)) func(context.Context, host.Host, *memo, *inventoryv1.Snapshot) error {
	return func(ctx context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
		r := &javaRound{ctx: ctx, h: h, files: files, uses: map[string]javaUse{}, closed: map[string]bool{}, seed: javaSeed(h)}
		running, err := find(r)
		if err != nil {
			return err
		}
		if err := r.places(); err != nil {
			return err
		}
		if snap.JavaComponents, err = r.components(); err != nil {
			return err
		}
		if len(running) == 0 && len(r.uses) > 0 {
			running = []*inventoryv1.Jvm{r.registered()}
		}
		slices.SortFunc(running, func(a, b *inventoryv1.Jvm) int { return strings.Compare(a.GetVmId(), b.GetVmId()) })
		snap.Jvms = running
		if err := r.gap.with(r.troubles); err != nil {
			return err
		}
		if len(running) == 0 {
			return ErrAbsent
		}
		return nil
	}
}

// deny notes that a file of processes was refused: /proc/*/environ, however many they are.
func (r *javaRound) deny(name string) {
	if !r.closed[name] {
		r.closed[name] = true
		r.gap.paths = append(r.gap.paths, "/"+name)
	}
}

// registered is the virtual machine that stands for archives that no virtual machine runs.
func (r *javaRound) registered() *inventoryv1.Jvm {
	state := javaRegistered
	id := r.id("registered")
	return &inventoryv1.Jvm{VmId: &id, State: &state, HostName: fact(javaHostName(r.h, javaTree{})), Archives: javaArchives(r.uses)}
}

// javaArchives spells uses in order of their paths.
func javaArchives(uses map[string]javaUse) []*inventoryv1.JvmArchive {
	var rows []*inventoryv1.JvmArchive
	for _, name := range slices.Sorted(maps.Keys(uses)) {
		rows = append(rows, &inventoryv1.JvmArchive{Path: fact(name), Evidence: fact(uses[name].evidence)})
	}
	return rows
}

// javaNamespace parts our ids from all others that are made the same way.
var javaNamespace = [16]byte{0x5b, 0x0f, 0x1d, 0x8a, 0x6c, 0x3e, 0x4f, 0x52, 0x9b, 0x7a, 0x21, 0xd4, 0xe8, 0x90, 0x63, 0xc7}

// id makes an id out of what tells a run from all others: another run, or another machine, has another.
//
// Source: RFC 9562, 5.5, UUID version 5.
func (r *javaRound) id(parts ...string) string {
	text := append(javaNamespace[:], r.seed+"\x00"+strings.Join(parts, "\x00")...)
	sum := sha1.Sum(text) //nolint:gosec // see above
	id := sum[:16]
	id[6] = id[6]&0x0f | 0x50
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// javaSeed is a digest of what the system calls this installation; a machine without any such thing shares its seed with
// others like it, but no boot.
func javaSeed(h host.Host) string {
	own := cmp.Or(peek(h, "etc/machine-id"), peek(h, "var/lib/dbus/machine-id"))
	if own == "" {
		own, _ = h.Sysctl("kern.uuid") // none on other systems
	}
	if registry := h.Registry(); own == "" && registry != nil {
		values, _ := registry.Values(`HKLM\SOFTWARE\Microsoft\Cryptography`) // no key, no value
		own = values["MachineGuid"].Text()
	}
	sum := sha256.Sum256([]byte("rollcall jvms\x00" + own))
	return hex.EncodeToString(sum[:])
}

// javaHostName is the name of the machine, or of the container that a process is in.
func javaHostName(h host.Host, t javaTree) string {
	if t.container == "" {
		if name := peek(h, "proc/sys/kernel/hostname"); name != "" {
			return name
		}
	}
	name, _ := t.read(h, "/etc/hostname", smallFile) // not readable, not known
	return strings.TrimSpace(string(name))
}

// javaRelease is what the file release in the home of a Java says: JAVA_VERSION, IMPLEMENTOR. A JRE inside a JDK leaves it
// to the folder above.
func javaRelease(h host.Host, t javaTree, home string) map[string]string {
	if home == "" {
		return nil
	}
	raw, err := t.read(h, path.Join(home, "release"), smallFile)
	if err != nil && path.Base(home) == "jre" {
		raw, err = t.read(h, path.Join(path.Dir(home), "release"), smallFile)
	}
	if err != nil {
		return nil
	}
	values := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			values[key] = strings.Trim(value, `"`)
		}
	}
	return values
}
