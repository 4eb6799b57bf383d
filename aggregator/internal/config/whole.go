// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"
)

// whole is implemented by settings that are a mapping or a list of mappings: they are read as a whole, from the file,
// or as YAML (JSON is YAML too, with commas where one likes) from a flag or variable.
type whole interface{ isWhole() }

// wholeValue is such a setting as it stands in the file.
type wholeValue struct {
	node *yaml.Node
	path string // of the file
	key  string // of the setting
}

// isWholeType tells whether a flag of that type is read as a whole.
func isWholeType(t reflect.Type) bool { return t.Implements(reflect.TypeFor[whole]()) }

// wholeMapper decodes a setting that is read as a whole.
func wholeMapper(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("mapping")
	if err != nil {
		return err
	}
	value, ok := token.Value.(wholeValue)
	if !ok {
		text := fmt.Sprint(token.Value)
		if len(text) > maxFileBytes {
			return fmt.Errorf("larger than %d bytes", maxFileBytes)
		}
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			return err
		}
		if len(doc.Content) == 0 {
			return nil
		}
		value.node = doc.Content[0]
	}
	d := wholeDecoder{path: value.path}
	return d.decode(value.node, value.key, target)
}

// wholeDecoder decodes YAML into structs by their json tags, strictly. What is wrong is told with its line.
type wholeDecoder struct{ path string }

func (d wholeDecoder) fail(node *yaml.Node, key, format string, args ...any) error {
	place := fmt.Sprintf("line %d", node.Line)
	if d.path != "" {
		place = fmt.Sprintf("%s:%d", d.path, node.Line)
	}
	if key != "" {
		place += ": " + strings.TrimPrefix(key, ".")
	}
	return fmt.Errorf("%s: "+format, append([]any{place}, args...)...)
}

func (d wholeDecoder) decode(node *yaml.Node, key string, target reflect.Value) error {
	if node.Kind == yaml.ScalarNode && node.Tag == "!!null" {
		return nil
	}
	switch target.Kind() {
	case reflect.Pointer:
		value := reflect.New(target.Type().Elem())
		target.Set(value)
		return d.decode(node, key, value.Elem())
	case reflect.Struct:
		return d.mapping(node, key, target)
	case reflect.Slice:
		return d.list(node, key, target)
	default:
		return d.scalar(node, key, target)
	}
}

func (d wholeDecoder) mapping(node *yaml.Node, key string, target reflect.Value) error {
	if node.Kind != yaml.MappingNode {
		return d.fail(node, key, "a mapping of keys to values is wanted")
	}
	fields := fieldsOf(target)
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		at := key + "." + name.Value
		field, ok := fields[name.Value]
		switch {
		case !ok:
			known := map[string]bool{}
			for k := range fields {
				known[k] = true
			}
			if near := nearest(name.Value, known); near != "" {
				return d.fail(name, at, "unknown key, did you mean %s?", near)
			}
			return d.fail(name, at, "unknown key")
		case seen[name.Value]:
			return d.fail(name, at, "the key is there twice")
		}
		seen[name.Value] = true
		if err := d.decode(value, at, field); err != nil {
			return err
		}
	}
	return nil
}

// fieldsOf maps the json names of a struct to its fields.
func fieldsOf(target reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for i := range target.NumField() {
		name, _, _ := strings.Cut(target.Type().Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = target.Field(i)
		}
	}
	return fields
}

func (d wholeDecoder) list(node *yaml.Node, key string, target reflect.Value) error {
	if node.Kind != yaml.SequenceNode {
		return d.fail(node, key, "a list is wanted")
	}
	list := reflect.MakeSlice(target.Type(), len(node.Content), len(node.Content))
	for i, element := range node.Content {
		if err := d.decode(element, fmt.Sprintf("%s[%d]", key, i), list.Index(i)); err != nil {
			return err
		}
	}
	target.Set(list)
	return nil
}

var errWantNumber = errors.New("a whole number is wanted")

func (d wholeDecoder) scalar(node *yaml.Node, key string, target reflect.Value) error {
	if node.Kind != yaml.ScalarNode {
		return d.fail(node, key, "one value is wanted")
	}
	var err error
	switch {
	case target.Type() == reflect.TypeFor[time.Duration]():
		var duration time.Duration
		if duration, err = parseDuration(node.Value); err == nil {
			target.SetInt(int64(duration))
		}
	case target.Kind() == reflect.String:
		target.SetString(node.Value)
	case target.Kind() == reflect.Bool:
		if !slices.Contains([]string{"true", "false"}, node.Value) {
			err = fmt.Errorf("true or false is wanted, not %q", node.Value)
		}
		target.SetBool(node.Value == "true")
	default: // some sort of int: there are no others
		number, bad := strconv.ParseInt(node.Value, 10, target.Type().Bits())
		if bad != nil {
			err = errWantNumber
		} else {
			target.SetInt(number)
		}
	}
	if err != nil {
		return d.fail(node, key, "%w", err)
	}
	return nil
}
