// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// settingTag marks the flags whose environment variable and key leave out the verb.
const settingTag = "setting"

// configFlag names the file; it cannot be inside of it.
const configFlag = "config"

// layer answers for the flags that the command line leaves out: from the environment, else from the file.
// The agent has the same file, but for settings that are read as a whole.
type layer struct {
	prefix string // of every environment variable, such as ROLLCALL_AGENT_
	getenv func(string) string
	keys   map[*kong.Flag]string // "listen", "token.create.name"
	file   settings
}

// newLayer knows the flags of a parser.
func newLayer(prefix string, getenv func(string) string) *layer {
	return &layer{prefix: prefix, getenv: getenv, keys: map[*kong.Flag]string{}}
}

// learn collects the key of every flag below the node.
func (l *layer) learn(node *kong.Node, verbs []string) {
	for _, flag := range node.Flags {
		if flag.Name == "help" {
			continue
		}
		name := strings.ReplaceAll(flag.Name, "-", "_")
		if !flag.Tag.Has(settingTag) {
			name = strings.Join(append(verbs[:len(verbs):len(verbs)], name), ".")
		}
		l.keys[flag] = name
	}
	for _, child := range node.Children {
		l.learn(child, append(verbs[:len(verbs):len(verbs)], child.Name))
	}
}

// env is the environment variable of a flag, or "" for --help.
func (l *layer) env(flag *kong.Flag) string {
	key, ok := l.keys[flag]
	if !ok {
		return ""
	}
	return l.prefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// help says in the help of a flag which environment variable sets it.
func (l *layer) help(value *kong.Value) string {
	if value.Flag == nil || l.env(value.Flag) == "" {
		return value.Help
	}
	return strings.TrimSuffix(value.Help, ".") + " ($" + l.env(value.Flag) + ")."
}

// load reads the file that the command line or the environment names, if any.
func (l *layer) load(ctx *kong.Context) error {
	path := ""
	for flag, key := range l.keys {
		if key == configFlag {
			path, _ = ctx.FlagValue(flag).(string) // the flag is a string
		}
	}
	if path == "" {
		path = l.getenv(l.prefix + strings.ToUpper(configFlag))
	}
	if path == "" {
		return nil
	}
	known, whole := map[string]bool{}, map[string]bool{}
	for flag, key := range l.keys {
		if key != configFlag {
			known[key], whole[key] = true, isWholeType(flag.Target.Type())
		}
	}
	file, err := readSettings(path, known, whole)
	if err != nil {
		return err
	}
	l.file = file
	return nil
}

// Validate implements kong.Resolver.
func (l *layer) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver. It tries the value on the flag, so that a bad one is reported with its place.
func (l *layer) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, place := l.lookup(flag)
	if value == nil {
		return nil, nil //nolint:nilnil // kong's way to say that there is no value
	}
	if _, isList := value.([]any); isList && !flag.IsSlice() {
		return nil, fmt.Errorf("%s: one value is wanted, not a list", place)
	}
	trial := reflect.New(flag.Target.Type()).Elem()
	scan := kong.Scan().PushTyped(value, kong.FlagValueToken)
	if err := flag.Mapper.Decode(&kong.DecodeContext{Value: flag.Value, Scan: scan}, trial); err != nil {
		if place != "" {
			err = fmt.Errorf("%s: %w", place, err)
		}
		return nil, err
	}
	return value, nil
}

func (l *layer) lookup(flag *kong.Flag) (value any, place string) {
	if name := l.env(flag); name != "" {
		if v := l.getenv(name); v != "" {
			return v, "environment variable " + name
		}
	}
	if s, ok := l.file[l.keys[flag]]; ok {
		return s.value, s.place
	}
	return nil, ""
}

// durationMapper also takes whole days: "30d".
func durationMapper(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("duration")
	if err != nil {
		return err
	}
	d, err := parseDuration(fmt.Sprint(token.Value))
	if err == nil {
		target.SetInt(int64(d))
	}
	return err
}

func parseDuration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("%q is no number of days", text)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration: write it like 90s, 5m, 12h or 30d", text)
	}
	return d, nil
}
