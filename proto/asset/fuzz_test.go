// SPDX-License-Identifier: Apache-2.0

package asset

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

// independent writes a value of encoding/json as canonical JSON, sharing no code with the package.
func independent(v any) string {
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.SortFunc(keys, func(a, b string) int { return slices.Compare(units(a), units(b)) })
		for i, key := range keys {
			keys[i] = independent(key) + ":" + independent(v[key])
		}
		return "{" + strings.Join(keys, ",") + "}"
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = independent(v[i])
		}
		return "[" + strings.Join(parts, ",") + "]"
	case string: // encoding/json escapes two characters that need none
		at := strings.IndexAny(v, "\u2028\u2029")
		if at < 0 {
			return encoded(v)
		}
		head, tail := independent(v[:at]), independent(v[at+3:])
		return head[:len(head)-1] + v[at:at+3] + tail[1:]
	case float64:
		return encoded(v + 0) // -0 + 0 = 0
	default:
		return encoded(v)
	}
}

// encoded is what encoding/json writes without thinking of HTML.
func encoded(v any) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func units(s string) []uint16 { return utf16.Encode([]rune(s)) }

// decode reads JSON that must be right.
func decode(t interface{ Fatal(...any) }, raw []byte) any {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// withinRules tells whether a decoded value keeps the rules that JSON itself does not have.
func withinRules(v any, depth int) bool {
	if depth > MaxDepth {
		return false
	}
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			if strings.ContainsRune(key, 0) || !withinRules(member, depth+1) {
				return false
			}
		}
	case []any:
		return !slices.ContainsFunc(v, func(element any) bool { return !withinRules(element, depth+1) })
	case string:
		return !strings.ContainsRune(v, 0)
	case float64:
		return math.Abs(v) <= 1<<53 || math.Abs(v) >= 1e21
	}
	return true
}

// seed adds the pinned vectors and some more.
func seed(f *testing.F) {
	f.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		f.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		f.Fatal(err)
	}
	for _, fact := range v.Facts {
		f.Add([]byte(fact.Body))
	}
	for _, free := range v.FreeJSON {
		f.Add([]byte(free.Input))
	}
	for _, text := range []string{
		"{", "[", `"`, `"\`, `"\u`, `"\u12`, `"\u000g"`, `"\u001F"`, `"\u0020"`, `"\/"`, `"\x"`, "\"\x1f\"", "\"\xff\"", "-", "-0", "00", "1.", ".5", "1e", "1e+", "+1", "1E5", "0.10",
		"1e21", "1e+21", "1e-7", "1e-07", "100000000000000000000", "9007199254740994", "tru", "nul", "nullx", `{"a"}`, `{"a":}`, `{a:1}`, `{"b":1,"a":2}`, `{"a":1,"a":1}`, "[1 2]", "[,]",
		strings.Repeat("[", 33) + strings.Repeat("]", 33), strings.Repeat("[", 34) + strings.Repeat("]", 34),
	} {
		f.Add([]byte(text))
	}
}

func FuzzValidate(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		valid := Validate(raw)
		canonical, err := CanonicalJSON(raw)
		if same := err == nil && bytes.Equal(raw, canonical); same != (valid == nil) {
			t.Fatalf("%q: Validate says %v, CanonicalJSON %q, %v", raw, valid, canonical, err)
		}
		var v any
		right := json.Unmarshal(raw, &v) == nil && len(raw) <= MaxBodyBytes && utf8.Valid(raw) &&
			withinRules(v, 0) && independent(v) == string(raw)
		if right != (valid == nil) {
			t.Fatalf("%q: Validate says %v, encoding/json canonical: %v", raw, valid, right)
		}
	})
}

func FuzzCanonicalJSON(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		out, err := CanonicalJSON(raw)
		if err != nil {
			return
		}
		if err := Validate(out); err != nil {
			t.Fatalf("%q gave %q: %v", raw, out, err)
		}
		again, err := CanonicalJSON(out)
		if err != nil || !bytes.Equal(again, out) {
			t.Fatalf("%q gave %q, then %q, %v", raw, out, again, err)
		}
		if before, after := decode(t, raw), decode(t, out); !reflect.DeepEqual(before, after) {
			t.Fatalf("%q means %v, %q means %v", raw, before, out, after)
		}
		if want := independent(decode(t, raw)); string(out) != want {
			t.Fatalf("%q gave %q, want %q", raw, out, want)
		}
	})
}
