// SPDX-License-Identifier: Apache-2.0

//go:build unix

package notify_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/notify"
)

func read(t *testing.T, path string) []string {
	t.Helper()
	raw := must(os.ReadFile(path))(t)
	if len(raw) > 0 && raw[len(raw)-1] != '\n' {
		t.Errorf("%s ends with a torn line: %q", path, raw)
	}
	return strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
}

func TestFilesHaveOneEventOnEachLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "events.jsonl")
	if err := os.WriteFile(path, []byte("{\"whole\":1}\n{\"torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := &logged{}
	o := notify.Options{Stdout: out, Sinks: []config.Sink{
		{Name: "f", Kind: config.FileSink, Path: path}, {Name: "out", Kind: config.FileSink, Path: "-"},
	}}
	n := w.run(o)
	w.begun("file.f", "file.out")
	for i := range 20 {
		w.happen(0, i)
	}
	w.settled("file.f")
	w.settled("file.out")
	n.kill()
	w.run(o)
	w.happen(0, 20)
	w.settled("file.f")
	w.settled("file.out")
	got := read(t, path)
	if got[0] != `{"whole":1}` || got[1] != `{"torn` {
		t.Errorf("it begins with %q", got[:2])
	}
	for name, lines := range map[string][]string{"file": got[2:], "stdout": strings.Split(strings.TrimSpace(out.String()), "\n")} {
		var numbers []int
		for _, l := range lines {
			if !json.Valid([]byte(l)) {
				t.Errorf("%s: %q", name, l)
			}
			numbers = append(numbers, numberOf([]byte(l)))
		}
		slices.Sort(numbers)
		if numbers = slices.Compact(numbers); len(numbers) != 21 || numbers[20] != 20 {
			t.Errorf("%s has %v, want 0 to 20", name, numbers)
		}
	}
}

func TestAFileThatCannotBeWrittenIsWrittenLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder := filepath.Join(t.TempDir(), "later")
	path := filepath.Join(folder, "events.jsonl")
	w.run(notify.Options{Sinks: []config.Sink{{Name: "f", Kind: config.FileSink, Path: path, FirstRetry: 1, LastRetry: 1}}})
	w.begun("file.f")
	w.happen(0, 1)
	w.until("it does not fail", func() bool { return w.sink("file.f").Failures > 0 })
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	w.settled("file.f")
	if got := read(t, path); len(got) != 1 || numberOf([]byte(got[0])) != 1 {
		t.Errorf("got %q", got)
	}
}

func TestFilesAreRotatedBetweenLines(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "e.jsonl")
	f := notify.NewFile(path, 20, 2)
	for _, l := range []string{"aaaaaaaa", "bbbbbbbb", "cccccccc", strings.Repeat("d", 50), "eeeeeeee", "ffffffff", "gggggggg"} {
		if err := f.Write(l); err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
	f = notify.NewFile(path, 20, 2)
	if err := f.Write("hhhhhhhh", "iiiiiiii"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	files := must(filepath.Glob(path + "*"))(t)
	slices.Sort(files)
	var got [][]string
	for _, name := range append(files[1:], files[0]) {
		got = append(got, read(t, name))
	}
	want := [][]string{{strings.Repeat("d", 50)}, {"eeeeeeee", "ffffffff"}, {"gggggggg", "hhhhhhhh"}, {"iiiiiiii"}}
	want = want[len(want)-3:] // two are kept
	if !slices.EqualFunc(got, want, slices.Equal[[]string]) {
		t.Errorf("got %q, want %q", got, want)
	}
}
