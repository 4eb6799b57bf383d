// SPDX-License-Identifier: Apache-2.0

package compliance

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/jmespath/go-jmespath"
	"pgregory.net/rapid"
)

// words are the names that generated expressions use: keys of the sample tree
// and of its rows.
var words = []string{"disks", "deb_packages", "os_version", "system_info", "platform", "extra_facts", "name", "size", "version", "major", "imei"}

// generated draws an expression that parses, most of the time.
func generated(t *rapid.T, depth int) string {
	word := rapid.SampledFrom(words).Draw(t, "word")
	if depth == 0 {
		return rapid.SampledFrom([]string{word, "@", "*", "`1`", "'sda'", "`[[1],2]`", "disks[0]"}).Draw(t, "leaf")
	}
	sub := func() string { return generated(t, depth-1) }
	switch rapid.IntRange(0, 15).Draw(t, "form") {
	case 0:
		return sub() + "." + word
	case 1:
		return sub() + "[0]"
	case 2:
		return sub() + "[?" + sub() + "]"
	case 3:
		return sub() + "[*]." + word
	case 4:
		return sub() + "[]"
	case 5:
		return "(" + sub() + " | " + sub() + ")"
	case 6:
		return "[" + sub() + ", " + sub() + "]"
	case 7:
		return "{name: " + sub() + ", disks: " + sub() + "}"
	case 8:
		return "(" + sub() + rapid.SampledFrom([]string{" || ", " && ", " == ", " != ", " < ", " >= "}).Draw(t, "operator") + sub() + ")"
	case 9:
		return "!" + sub()
	case 10:
		return sub() + ".*"
	case 11:
		return sub() + "[" + rapid.SampledFrom([]string{"::-1", "1:", ":-1", "::2"}).Draw(t, "slice") + "]"
	case 12:
		return rapid.SampledFrom([]string{"length", "type", "to_array", "to_string", "not_null", "keys", "values", "sort", "max", "sum", "reverse"}).Draw(t, "function") + "(" + sub() + ")"
	case 13:
		return "contains(" + sub() + ", " + sub() + ")"
	case 14:
		return rapid.SampledFrom([]string{"sort_by", "max_by", "min_by"}).Draw(t, "by") + "(" + sub() + ", &" + sub() + ")"
	}
	return "map(&" + sub() + ", " + sub() + ")"
}

func drawExpression(t *rapid.T) *Expression {
	source := generated(t, rapid.IntRange(0, 4).Draw(t, "depth"))
	e, err := Compile(source)
	if err != nil {
		t.Skip(err)
	}
	return e
}

// TestReadsIsNeverTooSmall compares each expression over the whole tree and over
// the keys it says it reads.
func TestReadsIsNeverTooSmall(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		e := drawExpression(rt)
		keys, all := e.Reads()
		if all {
			return
		}
		tree := sample(t)
		part := map[string]any{}
		for _, key := range keys {
			if value, ok := tree[key]; ok {
				part[key] = value
			}
		}
		whole, errWhole := e.run(tree)
		got, errGot := e.run(part)
		if !reflect.DeepEqual(whole, got) || (errWhole == nil) != (errGot == nil) {
			rt.Fatalf("reads %v: got %v (%v), want %v (%v)", keys, got, errGot, whole, errWhole)
		}
	})
}

// TestAgreesWithTheLibrary holds the evaluator against go-jmespath where the
// library is right: it swallows some errors, walks objects in random order,
// keeps nulls of wildcards, has no order for strings and sorts in place.
func TestAgreesWithTheLibrary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		source := generated(rt, rapid.IntRange(0, 4).Draw(rt, "depth"))
		for _, differs := range []string{"*", "keys", "values", "contains", "<", ">="} {
			if strings.Contains(strings.ReplaceAll(source, "[*]", ""), differs) {
				rt.Skip("decided differently")
			}
		}
		e, err := Compile(source)
		if err != nil {
			rt.Skip(err)
		}
		ours, err := e.run(sample(t))
		if err != nil {
			rt.Skip(err)
		}
		theirs, err := jmespath.Search(source, sample(t))
		if err != nil || !reflect.DeepEqual(ours, theirs) {
			rt.Fatalf("%s: ours %v, the library's %v (%v)", source, ours, theirs, err)
		}
	})
}

func FuzzCompileAndEvaluate(f *testing.F) {
	for _, seed := range []string{
		"length(deb_packages[?name=='bash']) > `0`", "disks[*].[name,size]", "a.b[0][::2]|{x: @}", "sort_by(disks, &size)[-1]",
		"to_string(@)", "'raw \\' string'", "\"quoted\\u0041\"", "!(a && b) || `{\"c\":[1]}`", "a[", "[99999999999999999999]", "f(", "(a)(b)", "`\\``", "@(@)",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		e, err := Compile(source)
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset > len(source) {
				t.Fatalf("%q: %v", source, err)
			}
			return
		}
		got := e.Evaluate(sample(t))
		if got.Err != nil && strings.Contains(got.Err.Error(), "panicked") {
			t.Fatalf("%q: %v", source, got.Err)
		}
		if _, err := json.Marshal(got.Value); err != nil {
			t.Fatalf("%q: a value that cannot be shown: %v", source, err)
		}
	})
}
