// SPDX-License-Identifier: Apache-2.0

package normal

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// corpus returns the lines of a file of testdata that are values, by the comment above them.
func corpus(t testing.TB, name string) map[string][]string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "identity", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	groups, group := map[string][]string{}, ""
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSuffix(line, "\n")
		if title, ok := strings.CutPrefix(line, "# "); ok {
			group = title
			continue
		}
		groups[group] = append(groups[group], line)
	}
	return groups
}

func TestPlaceholdersOfTheCorpusAreRefused(t *testing.T) {
	t.Parallel()
	const least = 200
	for name, clean := range cleaners {
		seen := map[string]bool{}
		for group, values := range corpus(t, "placeholder_"+name) {
			for _, v := range values {
				if got, ok := clean(v); ok || got != "" {
					t.Errorf("%s (%s): got %q, want none", v, group, got)
				}
				seen[strings.Map(letterOrDigit, v)+strings.Map(noLetter, v)] = true
			}
		}
		t.Logf("%s: %d placeholders", name, len(seen))
		if name == "serials" && len(seen) < least {
			t.Errorf("%d placeholders, want %d", len(seen), least)
		}
	}
}

func noLetter(r rune) rune {
	if unicode.IsLetter(r) || unicode.IsDigit(r) {
		return -1
	}
	return r
}

// cleaners are the functions under test, by the ending of their files' names.
var cleaners = map[string]func(string) (string, bool){"serials": CleanSerial, "uuids": CleanUUID}

func TestRealOnesOfTheCorpusAreKept(t *testing.T) {
	t.Parallel()
	const least = 50 // of each maker
	for name, clean := range cleaners {
		for group, values := range corpus(t, "real_"+name) {
			for _, v := range values {
				if got, ok := clean(v); !ok || !strings.EqualFold(got, v) {
					t.Errorf("%s (%s): got %q, %t; want it kept", v, group, got, ok)
				}
			}
			if len(values) < least {
				t.Errorf("%s: %d values, want %d", group, len(values), least)
			}
		}
	}
}

// No UUID that was drawn, in any version, is taken for a pattern.
func TestDrawnUUIDsAreKept(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var raw [16]byte
		binary.BigEndian.PutUint64(raw[:8], r.Uint64())
		binary.BigEndian.PutUint64(raw[8:], r.Uint64())
		s := fmt.Sprintf("%x-%x-%x-%x-%x", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:])
		if got, ok := CleanUUID(s); !ok || got != s {
			t.Fatalf("%s: got %q, %t", s, got, ok)
		}
		serial := strings.ToUpper(s[:8])
		if got, ok := CleanSerial(serial); !ok || got != serial {
			t.Fatalf("%s: got %q, %t", serial, got, ok)
		}
	}
}

// The tables hold what a look-up can find, and every entry is needed.
func TestTablesAreInTheirOwnSpelling(t *testing.T) {
	t.Parallel()
	for s := range placeholderSerials {
		if s != strings.Map(letterOrDigit, s) || filler(s) {
			t.Errorf("serial %q: spelled otherwise, or refused without the table", s)
		}
	}
	for u := range constantUUIDs {
		if _, ok := CleanUUID(u); ok || u != strings.ToLower(u) || len(u) != 36 {
			t.Errorf("UUID %s: spelled otherwise", u)
		}
	}
	for _, label := range serialLabels {
		if label != strings.Map(letterOrDigit, label) {
			t.Errorf("label %q: spelled otherwise", label)
		}
	}
}

func FuzzCleanEvidence(f *testing.F) {
	for name := range cleaners {
		for _, file := range []string{"placeholder_", "real_"} {
			for _, values := range corpus(f, file+name) {
				f.Add(values[0])
			}
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, clean := range cleaners {
			got, ok := clean(s)
			if ok == (got == "") {
				t.Errorf("%s: %q gives %q, %t", name, s, got, ok)
			}
			if again, still := clean(got); ok && (!still || again != got) {
				t.Errorf("%s: %q gives %q, and that %q, %t", name, s, got, again, still)
			}
		}
	})
}
