// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

// archive is a jar with the coordinates given and a manifest's class path.
func archive(t testing.TB, artifact, version, classPath string) *fstest.MapFile {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	files := map[string]string{
		"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\nClass-Path: " + classPath + "\n",
		"META-INF/maven/org.example/" + artifact + "/pom.properties": "groupId=org.example\nartifactId=" + artifact + "\nversion=" + version + "\n",
	}
	for name, data := range files {
		if artifact == "" && name != "META-INF/MANIFEST.MF" {
			continue
		}
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Modified: time.Unix(1e9, 0)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &fstest.MapFile{Data: out.Bytes(), Mode: 0o644}
}

// procfs is what the kernel tells of a process, in a tree of files.
type procfs struct {
	pid, cgroup, mnt string
	args, env        []string
	maps             string
	fds              []string
	ticks            string
}

func (p procfs) files() fstest.MapFS {
	dir := "proc/" + p.pid + "/"
	files := fstest.MapFS{
		dir + "cmdline": text(strings.Join(p.args, "\x00") + "\x00"), dir + "environ": text(strings.Join(p.env, "\x00") + "\x00"),
		dir + "maps": text(p.maps), dir + "cwd": link("/wherever"), dir + "root": link("/"), dir + "ns/mnt": link("mnt:[" + p.mnt + "]"),
		dir + "stat":   text(p.pid + " (ja va) x) S 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 9 0 " + p.ticks + " 0 0\n"),
		dir + "status": text("Name:\tjava\nUid:\t1000\t1000\t1000\t1000\nNSpid:\t" + p.pid + "\t7\n"), dir + "cgroup": text(p.cgroup),
	}
	for i, target := range p.fds {
		files[dir+"fd/"+string(rune('0'+i))] = link(target)
	}
	return files
}

const libjvm = "7f00-7f01 r-xp 00000000 08:01 42   /opt/jdk/lib/server/libjvm.so\n"

// kernel is what /proc has beside processes.
func kernel() fstest.MapFS {
	return fstest.MapFS{
		"proc/stat": text("cpu 1 2 3\nbtime 1700000000\n"), "proc/sys/kernel/random/boot_id": text("11111111\n"),
		"proc/sys/kernel/hostname": text("box\n"), "proc/self/ns/mnt": link("mnt:[1]"), "etc/machine-id": text("abc\n"),
		"etc/passwd":      text("root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n"),
		"opt/jdk/release": text("JAVA_VERSION=\"21.0.2\"\nIMPLEMENTOR=\"Eclipse Adoptium\"\n"), "opt/jdk/lib/modules": text("x"),
		"opt/jdk/lib/jrt-fs.jar": text("PK"), "wherever": {Mode: fs.ModeDir | 0o755},
	}
}

func jvms(t *testing.T, files fs.FS) ([]*inventoryv1.Jvm, []*inventoryv1.JavaComponent, error) {
	t.Helper()
	snap, err := gatherOn(t, "linux", "jvms", &hosttest.Machine{Files: files})
	return snap.GetJvms(), snap.GetJavaComponents(), err
}

// paths spells how archives are used.
func paths(rows []*inventoryv1.JvmArchive) string {
	var all []string
	for _, r := range rows {
		all = append(all, r.GetPath()+" "+r.GetEvidence())
	}
	return strings.Join(all, "\n")
}

func TestVirtualMachineIsDescribed(t *testing.T) {
	t.Parallel()
	p := procfs{
		pid: "12", mnt: "1", maps: libjvm, ticks: "12345",
		args: []string{"/opt/jdk/bin/java", "-Xmx1g", "-Dpassword=hunter2", "@/etc/java.args", "-cp", "/srv/a.jar:lib/*:/gone.jar", "com.example.Main", "--secret", "x"},
		env:  []string{"JAVA_TOOL_OPTIONS=-Dfirst='a b'", "_JAVA_OPTIONS=-Xss1m", "ROLLCALL_TAGS=team=core;AppEnv=shop;1bad=x", "INVENTORY_TAGS=team=other;site=a"},
		fds:  []string{"/srv/a.jar", "/opt/jdk/lib/jrt-fs.jar", "/srv/old.jar (deleted)", "socket:[1]"},
	}
	files := with(kernel(), p.files(), fstest.MapFS{
		"srv/a.jar": archive(t, "a", "1", "b.jar http://example.org/c.jar"), "srv/b.jar": archive(t, "b", "2", "a.jar"),
		"wherever/lib/c.jar": archive(t, "", "", ""), "etc/java.args": text("-Dq=\"x y\" # note\n"),
	})
	rows, components, err := jvms(t, files)
	if err != nil || len(rows) != 1 {
		t.Fatalf("got %v, %v", rows, err)
	}
	got := rows[0]
	wantArgs := []string{"-Dfirst=a b", "-Xmx1g", "-Dpassword=***", "-Dq=x y", "-Xss1m"}
	if !slices.Equal(got.GetJvmArgs(), wantArgs) {
		t.Errorf("arguments: got %q, want %q", got.GetJvmArgs(), wantArgs)
	}
	if want := "/srv/a.jar open\n/srv/b.jar class_path\n/wherever/lib/c.jar class_path"; paths(got.GetArchives()) != want {
		t.Errorf("archives: got\n%s\nwant\n%s", paths(got.GetArchives()), want)
	}
	got.JvmArgs, got.Archives = nil, nil
	id := got.GetVmId()
	got.VmId = nil
	want := `{app_env:shop,host_name:box,java_home:/opt/jdk,java_vendor:Eclipse Adoptium,java_version:21.0.2,main_method:com.example.Main,pid:12,start_time:2023-11-14T22:15:23,state:RUNNING,tags:[{key:AppEnv,value:shop},{key:site,value:a},{key:team,value:core}],user:app}`
	if show(got) != want {
		t.Errorf("got\n%s\nwant\n%s", show(got), want)
	}
	var names []string
	for _, c := range components {
		names = append(names, c.GetPath()+" "+c.GetName()+" "+c.GetVersion()+" "+c.GetPurl())
	}
	wantNames := []string{
		"/srv/a.jar a 1 pkg:maven/org.example/a@1", "/srv/b.jar b 2 pkg:maven/org.example/b@2", "/wherever/lib/c.jar c.jar UNKNOWN ",
	}
	if !slices.Equal(names, wantNames) {
		t.Errorf("components: got %q, want %q", names, wantNames)
	}
	again := p
	again.ticks = "99999"
	rows, _, err = jvms(t, with(files, again.files()))
	if err != nil || rows[0].GetVmId() == id || len(id) != 36 || id[14] != '5' {
		t.Errorf("a restart has the id of the run before: %s, %s, %v", id, rows[0].GetVmId(), err)
	}
}

func TestJavaInContainerIsReadThroughItsRoot(t *testing.T) {
	t.Parallel()
	container := strings.Repeat("0123456789abcdef", 4)
	p := procfs{
		pid: "99", mnt: "2", ticks: "100", maps: libjvm, args: []string{"java", "-jar", "/app/app.jar"}, env: []string{"A=b"},
		fds: []string{"/app/app.jar"}, cgroup: "0::/system.slice/docker-" + container + ".scope\n",
	}
	root := "proc/99/root/"
	files := with(kernel(), p.files(), fstest.MapFS{
		// The link is the container's own: followed in our tree it would lead to another file.
		root + "app/app.jar": link("/real/app.jar"), root + "real/app.jar": archive(t, "inside", "1", ""), "real/app.jar": archive(t, "outside", "1", ""),
		root + "etc/hostname": text("web-1\n"), root + "etc/passwd": text("svc:x:1000:1000::/:/bin/sh\n"),
		root + "opt/jdk/release":           text("JAVA_VERSION=\"17\"\n"),
		root + "tmp/hsperfdata_svc/7":      {Data: perfFile("java.property.java.vm.vendor", "Vendor"), Mode: 0o600},
		root + "tmp/hsperfdata_svc/nobody": text("x"),
	})
	delete(files, "proc/99/root")
	rows, components, err := jvms(t, files)
	if err != nil || len(rows) != 1 || len(components) != 1 {
		t.Fatalf("got %v, %v, %v", rows, components, err)
	}
	rows[0].VmId = nil
	want := `{archives:[{evidence:open,path:0123456789ab:/real/app.jar}],container_id:` + container +
		`,host_name:web-1,java_home:/opt/jdk,java_vendor:Vendor,java_version:17,main_method:/app/app.jar,pid:99,start_time:2023-11-14T22:13:21,state:RUNNING,user:svc}`
	if show(rows...) != want {
		t.Errorf("got\n%s\nwant\n%s", show(rows...), want)
	}
	if got := components[0].GetName() + components[0].GetPath(); got != "inside0123456789ab:/real/app.jar" {
		t.Errorf("got %s", got)
	}
}

func TestJavaOfOthersIsToldAsFarAsAllowed(t *testing.T) {
	t.Parallel()
	p := procfs{pid: "12", mnt: "1", ticks: "1", maps: libjvm, args: []string{"java", "-jar", "a.jar"}, env: []string{"ROLLCALL_TAGS=a=b"}}
	files := with(kernel(), p.files(), procfs{pid: "13", ticks: "1", args: []string{"sh"}}.files())
	denied := map[string]bool{}
	for _, name := range []string{"12/maps", "12/environ", "13/maps", "13/environ"} {
		denied["proc/"+name] = true
	}
	delete(files, "proc/12/cwd")
	rows, _, err := jvms(t, deny{files, denied})
	want := "permission denied: /proc/*/maps, /proc/*/environ"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if len(rows) != 1 || rows[0].GetMainMethod() != "a.jar" || rows[0].Tags != nil || rows[0].AppEnv != nil {
		t.Errorf("got %s", show(rows...))
	}
}

func TestArchivesWithoutJavaMakeOneRegisteredMachine(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"usr/share/java/a-1.jar": archive(t, "a", "1", ""), "usr/share/java/a.jar": link("a-1.jar"), "opt/jdk/lib/modules": text("x"),
		"opt/jdk/lib/x.jar": archive(t, "x", "1", ""), "opt/app/lib/b.jar": archive(t, "b", "1", ""), "opt/app/node_modules/c.jar": archive(t, "c", "1", ""),
		"home/me/d.jar": archive(t, "d", "1", ""), "opt/app/not.jar": text("hello, this is text and no archive at all"),
	}
	rows, components, err := jvms(t, files)
	if err != nil || len(rows) != 1 || rows[0].GetState() != "REGISTERED" || paths(rows[0].GetArchives()) != "/opt/app/lib/b.jar \n/usr/share/java/a-1.jar " {
		t.Errorf("got %s, %v", show(rows...), err)
	}
	if len(components) != 2 {
		t.Errorf("got %s", show(components...))
	}
	if _, _, err := jvms(t, fstest.MapFS{}); err != ErrAbsent { //nolint:errorlint // it is returned as it is
		t.Errorf("nothing: got %v, want %v", err, ErrAbsent)
	}
}

func TestUnchangedArchivesAreNotReadAgain(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{"opt/app/a.jar": archive(t, "a", "1", "")}
	memory := &memo{}
	c := registries["linux"]["jvms"]
	collect := func(m fs.FS) string {
		snap := &inventoryv1.Snapshot{}
		if err := c.CollectFiles(t.Context(), &hosttest.Machine{Files: m}, memory, snap); err != nil {
			t.Fatal(err)
		}
		memory.sweep()
		return show(snap.GetJavaComponents()...)
	}
	before := collect(files)
	if after := collect(deny{files, map[string]bool{"opt/app/a.jar": true}}); after != before {
		t.Errorf("got\n%s\nwant\n%s", after, before)
	}
}

func TestCountersTellOfJavaOnOtherSystems(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	counters := perfFile("sun.rt.createVmBeginTime", begin, "sun.rt.javaCommand", "/opt/a/app.jar serve", "java.rt.vmArgs", "-Xmx1g -Dtoken=abc",
		"java.property.java.home", "/opt/jdk", "java.property.java.version", "21.0.2", "java.property.java.vm.vendor", "Oracle")
	files := with(kernel(), fstest.MapFS{
		"private/var/folders/ab/cd/T/hsperfdata_me/77": {Data: counters, Mode: 0o600}, "opt/a/app.jar": archive(t, "app", "3", ""),
	})
	m := &hosttest.Machine{Files: files, Moving: host.Vitals{BootTime: begin.Add(-time.Hour)}}
	snap, err := gatherOn(t, "darwin", "jvms", m)
	if err != nil || len(snap.GetJvms()) != 1 {
		t.Fatalf("got %v, %v", snap, err)
	}
	snap.Jvms[0].VmId = nil
	want := `{archives:[{evidence:class_path,path:/opt/a/app.jar}],java_home:/opt/jdk,java_vendor:Eclipse Adoptium,java_version:21.0.2,jvm_args:[-Xmx1g,-Dtoken=***],main_method:/opt/a/app.jar,pid:77,start_time:2026-01-02T03:04:05,user:me}`
	if show(snap.Jvms...) != want {
		t.Errorf("got\n%s\nwant\n%s", show(snap.Jvms...), want)
	}
	m.Moving.BootTime = begin.Add(time.Hour) // what is left from before the machine started does not run
	snap, _ = gatherOn(t, "darwin", "jvms", m)
	if got := snap.GetJvms(); len(got) != 1 || got[0].GetState() != "REGISTERED" {
		t.Errorf("got %s", show(got...))
	}
}

// perfFile builds counters of name, value, name, value: texts and moments.
func perfFile(pairs ...any) []byte {
	raw := make([]byte, perfHeader)
	copy(raw, "\xca\xfe\xc0\xc0\x01\x02\x00\x01")
	binary.LittleEndian.PutUint32(raw[24:], perfHeader)
	binary.LittleEndian.PutUint32(raw[28:], uint32(len(pairs)/2))
	for i := 0; i+1 < len(pairs); i += 2 {
		name := append([]byte(pairs[i].(string)), 0)
		for (perfEntry+len(name))%8 != 0 {
			name = append(name, 0)
		}
		var value []byte
		kind, count := byte('B'), 0
		switch v := pairs[i+1].(type) {
		case string:
			value = append([]byte(v), 0)
			count = len(value)
		case time.Time:
			kind, value = 'J', binary.LittleEndian.AppendUint64(nil, uint64(v.UnixMilli()))
		}
		e := make([]byte, perfEntry)
		binary.LittleEndian.PutUint32(e, uint32(perfEntry+len(name)+len(value)))
		binary.LittleEndian.PutUint32(e[4:], perfEntry)
		binary.LittleEndian.PutUint32(e[8:], uint32(count))
		e[12] = kind
		binary.LittleEndian.PutUint32(e[16:], uint32(perfEntry+len(name)))
		raw = slices.Concat(raw, e, name, value)
	}
	return raw
}
