// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rollcall-inventory/rollcall/proto/asset"

	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

const linuxFacts = "etc/rollcall-agent/facts.d/"

// withMode returns a file with other rights.
func withMode(s string, m fs.FileMode) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(s), Mode: m}
}

func TestFactFiles(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 9) + strings.Repeat("]", 9)
	tests := []struct {
		name  string
		files fstest.MapFS
		want  string
		// troubles are parts of the error; none when empty.
		troubles []string
		err      error
	}{
		{name: "no folder", err: ErrAbsent},
		{name: "an empty folder", files: fstest.MapFS{".placeholder": text("")}, err: ErrAbsent},
		{
			name: "one key for each file", files: fstest.MapFS{
				"site.json": text(`{"rack": 12, "pdu": ["a", "b"], "load": 0.50, "spare": null}`), "owner.yml": text("# who\nteam: {name: \"Ops\"}\non: 2024-01-02\n"),
				"plain.yaml": text("yes please\n"), ".hidden.json": text("{"), "site.json~": text("{"), "owner.yml.rpmsave": text("{"),
			},
			want: `{"owner":{"on":"2024-01-02","team":{"name":"Ops"}},"plain":"yes please","site":{"load":0.5,"pdu":["a","b"],"rack":12,"spare":null}}`,
		},
		{
			name: "a bad file costs only itself", files: fstest.MapFS{
				"good.json": text(`1`), "torn.json": text(`{"a":`), "twice.json": text(`{"a":1,"a":2}`), "big.json": text(`9007199254740993`),
				"infinite.yaml": text("a: .inf"), "alias.yaml": text("a: &x [1]\nb: *x\n"), "number.yaml": text("1: a"), "two.yaml": text("a: 1\n---\nb: 2\n"),
				"tag.yaml": text("a: !!binary aGk="), "notes.txt": text("hello"), "deep.json": text(deep), "empty.yaml": text(""), "twice.yaml": text("a: 1\na: 2\n"),
				"long.json": text(`"` + strings.Repeat("x", maxFactFile) + `"`), "keys.json": text(factObject(maxFactKeys + 1)), "open.json": withMode(`1`, 0o666),
				"folder.json/x": text(""),
			},
			want: `{"good":1}`,
			troubles: []string{
				"facts.d/torn.json: the JSON value does not end", `twice.json: key "a" stands twice`, "big.json: integer 9007199254740993 is beyond 2^53",
				"infinite.yaml: line 1: .inf", "alias.yaml: line 2: aliases", "number.yaml: line 1: a key is not text", "two.yaml: more than one",
				"tag.yaml: line 1: values with the tag", "notes.txt: the name", "deep.json: nested deeper than 8", "empty.yaml: the file is empty",
				"long.json: larger than 65536", "keys.json: more than 1000 keys", "open.json: everybody may write", "folder.json: not a file",
				"twice.yaml: the key twice is taken by twice.json",
			},
		},
		{
			name: "a program is not run but refused like any other text", files: fstest.MapFS{"run.sh": withMode("#!/bin/sh\necho 1", 0o755), "run.json": withMode(`{"a":1}`, 0o755)},
			want: `{"run":{"a":1}}`, troubles: []string{"run.sh: the name"},
		},
		{name: "a folder that everybody may write to", files: fstest.MapFS{"": {Mode: fs.ModeDir | 0o777}, "a.json": text("1")}, troubles: []string{"/etc/rollcall-agent/facts.d: everybody"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			files := fstest.MapFS{}
			for name, f := range tt.files {
				files[strings.TrimSuffix(linuxFacts+name, "/")] = f
			}
			snap, err := gatherOn(t, "linux", "extra_facts", &hosttest.Machine{Files: files})
			if snap.GetExtraFacts() != tt.want {
				t.Errorf("got  %s\nwant %s", snap.GetExtraFacts(), tt.want)
			}
			var broken *partial
			if tt.err != nil && !errors.Is(err, tt.err) || tt.err == nil && errors.As(err, &broken) != (len(tt.troubles) > 0) {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if broken != nil && len(broken.errs) != len(tt.troubles) {
				t.Errorf("got %d troubles, want %d: %v", len(broken.errs), len(tt.troubles), err)
			}
			for _, part := range tt.troubles {
				if !strings.Contains(fmt.Sprint(err), part) {
					t.Errorf("%q is not in %v", part, err)
				}
			}
		})
	}
}

// factObject is a JSON object of n keys.
func factObject(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":1`, i)
	}
	return "{" + strings.TrimPrefix(b.String(), ",") + "}"
}

func TestFactsOfAllSystemsAndTogetherBounded(t *testing.T) {
	t.Parallel()
	for system, folder := range factFolder {
		files := fstest.MapFS{}
		for i := range 6 {
			files[fmt.Sprintf("%s/f%d.json", folder, i)] = text(`"` + strings.Repeat("x", 60_000) + `"`)
		}
		snap, err := gatherOn(t, system, "extra_facts", &hosttest.Machine{Files: files})
		if err == nil || !strings.Contains(err.Error(), "f4.json: all facts together") || len(snap.GetExtraFacts()) < 240_000 || len(snap.GetExtraFacts()) > maxFacts {
			t.Errorf("%s: got %d bytes, %v", system, len(snap.GetExtraFacts()), err)
		}
	}
	open := fstest.MapFS{factFolder["windows"] + "/a.json": withMode("1", 0o666)} // the mode of every file there
	if snap, err := gatherOn(t, "windows", "extra_facts", &hosttest.Machine{Files: open}); err != nil || snap.GetExtraFacts() != `{"a":1}` {
		t.Errorf("windows: got %s, %v", snap.GetExtraFacts(), err)
	}
}

func FuzzFacts(f *testing.F) {
	f.Add([]byte(`{"a":[1,2.5e3,null,"x"]}`))
	f.Add([]byte("a: {b: [1, .nan]}\nc: &x 0o17\n"))
	f.Add([]byte("<<: *a\n? [x]\n: 1"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		files := fstest.MapFS{linuxFacts + "j.json": {Data: raw}, linuxFacts + "y.yaml": {Data: raw}}
		snap, _ := gatherOn(t, "linux", "extra_facts", &hosttest.Machine{Files: files})
		if snap.ExtraFacts == nil {
			return
		}
		if again, err := asset.CanonicalJSON([]byte(snap.GetExtraFacts())); err != nil || string(again) != snap.GetExtraFacts() {
			t.Errorf("not canonical: %q, %v", snap.GetExtraFacts(), err)
		}
	})
}
