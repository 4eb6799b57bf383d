// SPDX-License-Identifier: Apache-2.0

//go:build unix

package store_test

import (
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func (w *world) fsck() (store.FsckCounts, []string) {
	w.t.Helper()
	var problems []string
	counts, err := w.Fsck(w.t.Context(), func(problem string) { problems = append(problems, problem) })
	if err != nil {
		w.t.Fatal(err)
	}
	return counts, problems
}

func TestFsckFindsNothingInASoundDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	written, _ := history(t, w)
	w.commit("OTHER", agentSource, report{"deb_packages": {}})
	w.section("deb_packages", []string{deb("orphan", "1")})
	counts, problems := w.fsck()
	if len(problems) > 0 || counts.Problems != 0 {
		t.Errorf("problems: %s", strings.Join(problems, "\n"))
	}
	if counts.Heads != 2 || counts.Changes != int64(len(written))+1 || counts.Orphans < 1 || counts.Assets < 1300 || counts.Sections < 2 {
		t.Errorf("got %+v", counts)
	}
	// What lies before the oldest week may be missing.
	monday := w.lastMonday()
	w.exec("UPDATE head SET first_at = $1", monday.AddDate(0, 0, -9))
	w.exec("DELETE FROM change WHERE seq < 5 AND head = $1", written[0].Head)
	if _, problems := w.fsck(); len(problems) > 0 {
		t.Errorf("older changes dropped: %s", strings.Join(problems, "\n"))
	}
}

func TestFsckFindsDamage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, damage, want string
	}{
		{"body", `UPDATE asset SET body = '{"name":"x"}' WHERE name = 'package-0007'`, "its body has"},
		{"body that is not canonical", `UPDATE asset SET body = '{"name": "x"}' WHERE name = 'package-0007'`, "body:"},
		{"root", "UPDATE head SET root = sha256('x')", "its sections have"},
		{"section digest", "UPDATE head_section SET digest = sha256('x') WHERE kind = 'deb_packages'", "its assets have"},
		{"unreadable section", `UPDATE head_section SET base = '\x07' WHERE kind = 'deb_packages'`, "unknown form"},
		{"lost section", "DELETE FROM head_section WHERE kind = 'deb_packages'", "its sections have"},
		{"lost asset", "DELETE FROM asset WHERE name = 'package-0007'", "does not exist"},
		{"asset of another kind", "UPDATE asset SET kind = 'rpm_packages' WHERE name = 'package-0007'", "is of kind rpm_packages"},
		{"lost change", "DELETE FROM change WHERE seq = 2", "follows change 3 backwards"},
		{"lost newest change", "DELETE FROM change WHERE seq = 3", "follows change 4 backwards"},
		{"lost history", "DELETE FROM change", "changes up to 3 are missing"},
		{"lost first change", "DELETE FROM change WHERE seq = 1", "changes up to 1 are missing"},
		{"root of a change", "UPDATE change SET root = sha256('x') WHERE seq = 2", "change 2: root"},
		{"unreadable change", `UPDATE change SET delta = '\x00ff' WHERE seq = 2`, "ends too early"},
		{"another change's delta", "UPDATE change SET delta = (SELECT delta FROM change WHERE seq = 3) WHERE seq = 2", "change 2:"},
		{"another change's install times", "UPDATE change SET delta = (SELECT delta FROM change WHERE seq = 3) WHERE seq = 2", "change 2: undo install_times: edit of install times does not fit"},
		{"times that do not rise", "UPDATE change SET at = (SELECT at FROM change WHERE seq = 3) WHERE seq = 2", "not before"},
		{"stray changes", "UPDATE change SET head = 77 WHERE seq = 1", "changes of head 77"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			times := func(list string) []string {
				return []string{`{"bucket":"a7","kind":"deb_packages","times":[` + list + `]}`}
			}
			w.commit("S", agentSource, report{"deb_packages": debs(1100), "install_times": times("60,120")})
			w.commit("S", agentSource, report{"deb_packages": append(debs(1100), deb("one", "1")), "install_times": times("60,120,180")})
			w.commit("S", agentSource, report{"deb_packages": append(debs(1100), deb("two", "1")), "disks": {}, "install_times": times("240,120,180")})
			w.exec(test.damage)
			counts, problems := w.fsck()
			if counts.Problems != int64(len(problems)) || !strings.Contains(strings.Join(problems, "\n"), test.want) {
				t.Errorf("got %q, want one with %q", problems, test.want)
			}
		})
	}
}
