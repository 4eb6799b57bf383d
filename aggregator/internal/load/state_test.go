// SPDX-License-Identifier: Apache-2.0

package load

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/fleet"
)

func runnerOf(t *testing.T, file string, seed uint64, o fleet.Options) (*Runner, error) {
	t.Helper()
	o.Seed = seed
	machines, err := fleet.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{
		Fleet: machines, Seed: seed, Catalogue: "compact", StateFile: file,
		Servers: []string{"http://127.0.0.1:1"}, Transport: "connect",
	})
}

func TestStateSurvives(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state")
	before, err := runnerOf(t, file, 3, fleet.Options{Machines: 4})
	if err != nil {
		t.Fatal(err)
	}
	root, err := before.options.Fleet.Machine(1).Root(5)
	if err != nil {
		t.Fatal(err)
	}
	want := []memory{
		{day: -1},
		{credential: "secret", serial: "S1", instance: newInstance(), counter: 17, day: 5, root: root},
		{credential: "other", serial: "S2", instance: newInstance(), counter: 2, day: -1},
		{day: -1},
	}
	for i := range want {
		before.machines[i].m = want[i]
	}
	if err := before.save(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
	if others, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".*")); len(others) > 0 {
		t.Errorf("left behind: %v", others)
	}
	after, err := runnerOf(t, file, 3, fleet.Options{Machines: 4})
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		if w.credential != "" {
			w.counter += counterLead
		}
		if got := after.machines[i].memory(); got != w {
			t.Errorf("machine %d: got %+v, want %+v", i, got, w)
		}
	}
}

func TestStateOfAnotherFleetIsRefused(t *testing.T) {
	t.Parallel()
	const head = `{"format":"rollcall-fleetsim state 1","seed":3,"catalogue":"compact","machines":4,"copies":0}` + "\n"
	const line = `{"i":0,"serial_number":"S","credential":"c","instance":"00112233445566778899aabbccddeeff","counter":1,"day":0,"root":"` +
		"0000000000000000000000000000000000000000000000000000000000000001" + `"}` + "\n"
	tests := []struct {
		name, text string
		copies     int
		want       string
	}{
		{name: "empty", text: "", want: "not a state file"},
		{name: "other text", text: "hello\n", want: "not a state file"},
		{name: "other version", text: strings.Replace(head, "state 1", "state 9", 1), want: "of this version"},
		{name: "other seed", text: strings.Replace(head, `"seed":3`, `"seed":4`, 1), want: "of seed 4"},
		{name: "other catalogue", text: strings.Replace(head, "compact", "Packages", 1), want: `from "Packages"`},
		{name: "other copies", text: head, copies: 5000, want: "0 copies"},
		{name: "cut short", text: head + line[:40], want: "line 2"},
		{name: "short instance", text: head + strings.Replace(line, "eeff", "ee", 1), want: "32 hexadecimal digits"},
		{name: "short root", text: head + strings.Replace(line, "0001\"", "\"", 1), want: "line 2: root"},
		{name: "other model", text: head + line, want: "another one now"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "state")
			if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := runnerOf(t, file, 3, fleet.Options{Machines: 4, Clones: test.copies})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
