// SPDX-License-Identifier: Apache-2.0

package v1_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Whatever an expression is, it is refused with a clear message, or stopped: in a dry run, when the check is stored, and
// at the commits that come after.
func TestBombsDoNotGoOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tree := fixture(t, "debian")
	var packages []any
	for i := range 1000 {
		packages = append(packages, map[string]any{"name": fmt.Sprint("package-", i), "version": fmt.Sprint("1.", i)})
	}
	tree["deb_packages"] = packages
	w.Ask(http.MethodPost, "/api/v1/snapshots", tree).Want(http.StatusCreated)
	for name, expression := range map[string]string{
		"deep":         strings.Repeat("(", 300) + "a" + strings.Repeat(")", 300),
		"deep literal": "`" + strings.Repeat("[", 300) + strings.Repeat("]", 300) + "`",
		"huge literal": "`\"" + strings.Repeat("x", 100<<10) + "\"`",
		"long":         "a" + strings.Repeat(".a", 5000),
	} {
		for _, path := range []string{dryRunPath, "/api/v1/checks"} {
			body := newCheck(name, expression)
			if path == dryRunPath {
				body = newDryRun(expression)
			}
			w.Ask(http.MethodPost, path, body).Want(http.StatusBadRequest).Says(`"position":`)
		}
	}
	bombs := []string{
		"deb_packages" + strings.Repeat(" | [@,@][]", 25),
		"to_string(deb_packages)" + strings.Repeat(" | to_string([@,@,@,@])", 20),
		"join('', deb_packages[].name)" + strings.Repeat(" | join('', [@,@,@,@])", 20),
	}
	for i, expression := range bombs {
		got := w.dryRun(newDryRun(expression))
		one := got["machines"].([]any)[0].(map[string]any)
		if one["status_display"] != "UNKNOWN" || one["error"] != "the evaluation takes too many steps" {
			t.Errorf("dry run of %.40s: got %v", expression, one)
		}
		w.Ask(http.MethodPost, "/api/v1/checks", newCheck(fmt.Sprint("bomb ", i), expression)).Want(http.StatusCreated)
	}
	tree["deb_packages"] = packages[1:]
	w.Ask(http.MethodPost, "/api/v1/snapshots", tree).Want(http.StatusOK)
	for i := range bombs {
		sql := `SELECT status = 200 AND head_seq = 2 FROM check_status WHERE check_id = $1`
		var unknown bool
		if err := w.Pool.QueryRow(t.Context(), sql, i+1).Scan(&unknown); err != nil || !unknown {
			t.Errorf("bomb %d after a commit: UNKNOWN is %v, %v", i, unknown, err)
		}
	}
}
