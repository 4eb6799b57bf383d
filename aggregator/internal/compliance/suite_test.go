// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// suiteCase is one case; Error is the name of the error it wants.
type suiteCase struct {
	Expression string `json:"expression"`
	Result     any    `json:"result"`
	Error      any    `json:"error"`
}

// TestJMESPathSuite runs the specification's own cases, which the parser's module carries.
func TestJMESPathSuite(t *testing.T) {
	t.Parallel()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/jmespath/go-jmespath").Output()
	if err != nil {
		t.Fatal("where the parser's module is:", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "compliance", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("the parser's module in %q came without its suite", dir)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			runSuite(t, file)
		})
	}
}

func runSuite(t *testing.T, file string) {
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var groups []struct {
		Given any         `json:"given"`
		Cases []suiteCase `json:"cases"`
	}
	if err := json.Unmarshal(raw, &groups); err != nil {
		t.Fatal(err)
	}
	for _, group := range groups {
		for _, c := range group.Cases {
			runCase(t, group.Given, c)
		}
	}
}

func runCase(t *testing.T, given any, c suiteCase) {
	e, err := Compile(c.Expression)
	if err != nil {
		if c.Error == nil {
			t.Errorf("%s: refused: %v", c.Expression, err)
		}
		return
	}
	got, err := (&meter{left: maxSteps}).eval(e.root, given)
	switch {
	case c.Error != nil && err == nil:
		t.Errorf("%s: got %v, want an error (%v)", c.Expression, got, c.Error)
	case c.Error == nil && err != nil:
		t.Errorf("%s: %v, want %v", c.Expression, err, c.Result)
	case c.Error == nil && !reflect.DeepEqual(got, c.Result):
		t.Errorf("%s: got %v, want %v", c.Expression, got, c.Result)
	}
}
