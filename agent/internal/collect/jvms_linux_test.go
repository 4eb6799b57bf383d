// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"archive/zip"
	"bufio"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// program says that it runs, and waits until its input ends.
const program = `public class Main {
	public static void main(String[] args) throws Exception {
		System.out.println("ready");
		System.in.read();
	}
}`

// javaTools finds java and javac, or skips the test.
func javaTools(t *testing.T) (java, javac string) {
	t.Helper()
	java, err := exec.LookPath("java")
	if err == nil {
		javac, err = exec.LookPath("javac")
	}
	if err != nil {
		t.Skipf("NOT TESTED with a real Java: %v; make e2e-deps installs it", err)
	}
	return java, javac
}

// start runs a program in Java until it says that it is ready; the test ends it.
func start(t *testing.T, java, folder string, env []string, args ...string) (pid int64, stop func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), java, args...)
	cmd.Dir, cmd.Env, cmd.Stderr = folder, append(os.Environ(), env...), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	stop = func() {
		if !ended {
			ended = true
			_ = in.Close() // which ends the program
			_ = cmd.Wait() // how it ends does not matter
		}
	}
	t.Cleanup(stop)
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the program said %q: %v", line, err)
	}
	return int64(cmd.Process.Pid), stop
}

// pack writes an archive of name, content, name, content.
func pack(t *testing.T, name string, files ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if name != "" {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, out.Bytes(), 0o644); err != nil { //nolint:gosec // the archive of a test
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// runOf collects, and returns the row of one process with the components of the archives in a folder.
func runOf(t *testing.T, pid int64, folder string) (*inventoryv1.Jvm, []string) {
	t.Helper()
	snap, err := gather(t, "jvms", host.Local())
	if err != nil && !errors.Is(err, fs.ErrPermission) { // processes of others
		t.Fatal(err)
	}
	var found []string
	for _, c := range snap.GetJavaComponents() {
		if rest, ok := strings.CutPrefix(c.GetPath(), folder+"/"); ok {
			found = append(found, strings.Join([]string{rest, c.GetNestedPath(), c.GetName(), c.GetVersion(), c.GetEvidence()}, "|"))
		}
	}
	i := slices.IndexFunc(snap.GetJvms(), func(j *inventoryv1.Jvm) bool { return j.GetPid() == pid })
	if i < 0 {
		t.Fatalf("process %d is not among %s", pid, show(snap.GetJvms()...))
	}
	return snap.Jvms[i], found
}

func TestRealJavaIsFoundWithItsArchives(t *testing.T) {
	java, javac := javaTools(t)
	folder, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "Main.java"), []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), javac, "-d", folder, filepath.Join(folder, "Main.java")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	class, err := os.ReadFile(filepath.Join(folder, "Main.class"))
	if err != nil {
		t.Fatal(err)
	}
	pom := func(artifact, version string) (string, string) {
		return "META-INF/maven/org.example/" + artifact + "/pom.properties", "groupId=org.example\nartifactId=" + artifact + "\nversion=" + version + "\n"
	}
	innerName, inner := pom("inner", "3.1")
	appName, app := pom("fat-app", "1.4")
	pack(t, folder+"/fat.jar", "META-INF/MANIFEST.MF", "Main-Class: Main\nClass-Path: lib/beside-2.0.jar\n", "Main.class", string(class),
		appName, app, "BOOT-INF/lib/inner.jar", string(pack(t, "", innerName, inner)))
	pack(t, folder+"/lib/beside-2.0.jar", "A.txt", "a")
	pack(t, folder+"/lib/mystery.jar", "A.txt", "a")

	pid, stop := start(t, java, folder, []string{"ROLLCALL_TAGS=team=core;AppEnv=shop"}, "-Xmx64m", "-Ddb.password=hunter2", "-jar", "fat.jar", "--flag")
	first, components := runOf(t, pid, folder)
	wantComponents := []string{
		"fat.jar||fat-app|1.4|pom_properties", "fat.jar|BOOT-INF/lib/inner.jar|inner|3.1|pom_properties",
		"lib/beside-2.0.jar||beside|2.0|file_name",
	}
	if !slices.Equal(components, wantComponents) {
		t.Errorf("components: got %q, want %q", components, wantComponents)
	}
	if got, want := paths(first.GetArchives()), folder+"/fat.jar open\n"+folder+"/lib/beside-2.0.jar class_path"; got != want {
		t.Errorf("archives: got\n%s\nwant\n%s", got, want)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	version, err := exec.CommandContext(t.Context(), java, "-XshowSettings:properties", "-version").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"java.home": first.GetJavaHome(), "java.version": first.GetJavaVersion()} {
		if !strings.Contains(string(version), name+" = "+value+"\n") || value == "" {
			t.Errorf("%s: got %q, java says\n%s", name, value, version)
		}
	}
	switch {
	case first.GetMainMethod() != "fat.jar", first.GetState() != "RUNNING", first.GetUser() != me.Username, first.GetAppEnv() != "shop",
		first.GetJavaVendor() == "", first.GetStartTime() == "", first.GetHostName() == "", len(first.GetTags()) != 2,
		!slices.Equal(first.GetJvmArgs(), []string{"-Xmx64m", "-Ddb.password=***"}):
		t.Errorf("got %s", show(first))
	}
	if again, _ := runOf(t, pid, folder); show(again) != show(first) {
		t.Errorf("a second look differs: got\n%s\nwant\n%s", show(again), show(first))
	}
	stop()

	pid, _ = start(t, java, folder, nil, "-cp", "fat.jar:lib/*", "Main")
	second, components := runOf(t, pid, folder)
	if second.GetVmId() == first.GetVmId() || second.GetMainMethod() != "Main" {
		t.Errorf("a restart is no other run: %s", show(second))
	}
	if !slices.Contains(components, "lib/mystery.jar||mystery.jar|UNKNOWN|none") {
		t.Errorf("what nothing names is missing: %q", components)
	}
	if got := paths(second.GetArchives()); !strings.Contains(got, "/fat.jar open") || !strings.Contains(got, "/mystery.jar class_path") {
		t.Errorf("archives: got\n%s", got)
	}
}
