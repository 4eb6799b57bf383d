// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// javaTags are the values that the owner of a virtual machine gave to keys.
type javaTags map[string][]string

// The alphabet of tags.
//
// Source: Azul Intelligence Cloud, "CRS Configuration Options", tag format.
var (
	tagKey   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,255}$`)
	tagValue = regexp.MustCompile(`^[A-Za-z0-9_. :/@-]{0,1000}$`)
)

// parseJavaTags reads key=value;key=value, leaving out what is none.
func parseJavaTags(text string) javaTags {
	tags := javaTags{}
	for pair := range strings.SplitSeq(text, ";") {
		key, value, ok := strings.Cut(pair, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if ok && tagKey.MatchString(key) && tagValue.MatchString(value) && !slices.Contains(tags[key], value) {
			tags[key] = append(tags[key], value)
		}
	}
	return tags
}

// crsSettings are the tags and the application's name out of settings of Azul's client.
type crsSettings struct {
	tags   javaTags
	appEnv string
}

// add takes the settings of a source over those of earlier ones, key by key.
func (s *crsSettings) add(name, value string) {
	switch strings.ToLower(name) {
	case "tags", "com.azul.crs.instance.tags":
		maps.Copy(s.tags, parseJavaTags(value))
	case "appenv", "com.azul.crs.instance.appenv":
		if tagValue.MatchString(value) {
			s.appEnv = value
		}
	}
}

// arguments takes name=value,name=value, where tags keep their own equals signs.
func (s *crsSettings) arguments(text string) {
	for pair := range strings.SplitSeq(text, ",") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			s.add(strings.TrimSpace(name), value)
		}
	}
}

// properties takes the lines of a properties file.
func (s *crsSettings) properties(raw []byte) {
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		if name, value, ok := strings.Cut(line, "="); ok {
			s.add(strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
}

// file returns the name of a properties file among arguments: the one of props=, or a first word alone.
func (s *crsSettings) file(text string) string {
	first := ""
	for i, pair := range strings.Split(text, ",") {
		name, value, named := strings.Cut(pair, "=")
		if named && name == "props" {
			return value
		}
		if i == 0 && !named && strings.ContainsAny(name, "./") {
			first = name
		}
	}
	return first
}

// tags returns what the owner of a process said about it: to Azul's client, on the command line before the environment
// before a file, else to us. What the environment says is not known without the right to read it.
func (p *javaProcess) tags(r *javaRound) (rows []*inventoryv1.JvmTag, appEnv *string) {
	s := crsSettings{tags: javaTags{}}
	inEnvironment := p.environment["AZ_CRS_ARGUMENTS"]
	var onCommandLine []string
	for _, arg := range p.arguments.vm {
		if value, ok := strings.CutPrefix(arg, "-XX:AzCRSArguments="); ok {
			onCommandLine = append(onCommandLine, value)
		}
		file, value, _ := strings.Cut(strings.TrimPrefix(arg, "-javaagent:"), "=")
		if base := path.Base(file); base == "ic-agent.jar" || base == "crs-agent.jar" {
			onCommandLine = append(onCommandLine, value)
		}
	}
	s.properties(p.crsFile(r, append(slices.Clone(onCommandLine), inEnvironment)))
	s.arguments(inEnvironment)
	for _, text := range onCommandLine {
		s.arguments(text)
	}
	s.add("com.azul.crs.instance.tags", p.arguments.property("com.azul.crs.instance.tags"))
	if len(s.tags) == 0 {
		for _, name := range []string{"INVENTORY_TAGS", "ROLLCALL_TAGS"} {
			maps.Copy(s.tags, parseJavaTags(p.environment[name]))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.tags)) {
		for _, value := range slices.Sorted(slices.Values(s.tags[key])) {
			if strings.EqualFold(key, "AppEnv") && s.appEnv == "" {
				s.appEnv = value
			}
			rows = append(rows, &inventoryv1.JvmTag{Key: fact(key), Value: fact(value)})
		}
	}
	return rows, fact(s.appEnv)
}

// crsFile reads the properties file of Azul's client: the one named in its arguments, else that of the user, else that of
// the Java.
func (p *javaProcess) crsFile(r *javaRound, arguments []string) []byte {
	for _, text := range arguments {
		if name := (&crsSettings{}).file(text); name != "" {
			raw, _ := p.readOwn(r, name) // without it there are no tags of it
			return raw
		}
	}
	for _, name := range []string{path.Join(p.userHome, ".az_crs/config.properties"), path.Join(p.home, "lib/az_crs.properties")} {
		if !path.IsAbs(name) {
			continue
		}
		if raw, err := p.tree.read(r.h, name, smallFile); err == nil {
			return raw
		}
	}
	return nil
}
