// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"path"
	"strconv"
	"strings"

	"github.com/package-url/packageurl-go"
	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// gemPlaces are the folders of specifications of Ruby's installations in standard places, by system.
var gemPlaces = map[string][]string{
	"linux": {
		"var/lib/gems/*/specifications",
		"usr/{lib,lib64,lib/*,share}/rubygems-integration/*/specifications",
		"usr/{lib,lib64,lib/*,local/lib,local/lib64}/ruby/gems/*/specifications",
		"usr/{share,local/share}/gems/specifications",
		"opt/*/lib/ruby/gems/*/specifications",
		"{root,home/*}/{.gem,.local/share/gem}/ruby/*/specifications",
		"{usr/local/rbenv,opt/rbenv,root/.rbenv,home/*/.rbenv}/versions/*/lib/ruby/gems/*/specifications",
		"{usr/local/rvm,root/.rvm,home/*/.rvm}/{gems/*,rubies/*/lib/ruby/gems/*}/specifications",
	},
	"darwin": {
		"Library/Ruby/Gems/*/specifications",
		"System/Library/Frameworks/Ruby.framework/Versions/*/usr/lib/ruby/gems/*/specifications",
		"{opt/homebrew,usr/local}/lib/ruby/gems/*/specifications",
		"{opt/homebrew,usr/local}/Cellar/ruby*/*/lib/ruby/gems/*/specifications",
		"Users/*/{.gem,.local/share/gem}/ruby/*/specifications",
		"Users/*/.rbenv/versions/*/lib/ruby/gems/*/specifications",
		"Users/*/.rvm/{gems/*,rubies/*/lib/ruby/gems/*}/specifications",
	},
	"windows": {
		"Ruby*/lib/ruby/gems/*/specifications",
		"Users/*/{.gem,.local/share/gem}/ruby/*/specifications",
	},
}

func init() {
	for system, places := range gemPlaces {
		register(Collector{
			Name: "gem_packages", On: []string{system},
			CollectFiles: func(ctx context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
				return collectGems(ctx, h, files, snap, places)
			},
		})
	}
}

// collectGems lists the gems that have a specification. Those that come with Ruby have theirs in a folder default.
//
// Source: RubyGems' guides, and the files that Gem::Specification#to_ruby writes.
func collectGems(ctx context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot, places []string) error {
	f := newFinder(h)
	show := spelling(h)
	var folders []string
	for _, folder := range f.find(places...) {
		folders = append(folders, folder, folder+"/default")
	}
	for _, folder := range folders {
		for _, e := range f.list(folder) {
			if !strings.HasSuffix(e.Name(), ".gemspec") {
				continue
			}
			if row := gemRow(f, files, show, path.Join(folder, e.Name())); row != nil {
				snap.GemPackages = append(snap.GemPackages, row)
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return f.result(len(snap.GemPackages))
}

// gemRow describes one gem, nil when its specification does not say which it is.
func gemRow(f *finder, files *memo, show func(string) string, name string) *inventoryv1.GemPackage {
	return rememberFile(f, files, name, func() *inventoryv1.GemPackage {
		row := parseGemspec(string(f.read(name, smallFile)))
		if row.Name == nil || row.Version == nil {
			return nil
		}
		row.Path = fact(show(name))
		if path.Base(path.Dir(name)) == "default" {
			row.IsDefault = proto.Bool(true)
		} else if !packaged(name) {
			row.InstallTime = installTime(modified(f.h, name))
		}
		return row
	})
}

// parseGemspec reads the lines of a specification that RubyGems wrote: a comment "stub: name version platform paths", and
// assignments of literals. The file is a program in Ruby; anything but a literal is left alone.
func parseGemspec(text string) *inventoryv1.GemPackage {
	row := &inventoryv1.GemPackage{}
	for len(text) > 0 {
		var line string
		line, text = cutLine(text)
		line = strings.TrimSpace(line)
		if stub, ok := strings.CutPrefix(line, "# stub: "); ok {
			if words := strings.Fields(strings.Clone(stub)); len(words) >= 3 && row.Name == nil {
				row.Name, row.Version, row.Platform = fact(words[0]), fact(words[1]), fact(words[2])
			}
			continue
		}
		name, value, isAssignment := strings.Cut(line, " = ")
		_, attribute, isMember := strings.Cut(name, ".")
		if !isAssignment || !isMember {
			continue
		}
		setGemAttribute(row, strings.TrimSpace(attribute), rubyTexts(value))
	}
	var platform string
	if row.GetPlatform() != "ruby" {
		platform = row.GetPlatform()
	}
	row.Purl = purlOf(packageurl.TypeGem, "", row.GetName(), row.GetVersion(), "platform", platform)
	return row
}

// setGemAttribute writes one attribute. What the comment said of name, version and platform stands: it is what RubyGems
// itself believes.
func setGemAttribute(row *inventoryv1.GemPackage, attribute string, texts []string) {
	if len(texts) == 0 {
		return
	}
	first := func(field **string) {
		if *field == nil {
			*field = fact(texts[0])
		}
	}
	switch attribute {
	case "name":
		first(&row.Name)
	case "version":
		first(&row.Version)
	case "platform":
		first(&row.Platform)
	case "summary":
		first(&row.Summary)
	case "homepage":
		first(&row.Homepage)
	case "author", "authors":
		row.Author = fact(strings.Join(texts, ", "))
	case "license", "licenses":
		row.License = fact(strings.Join(texts, ", "))
	}
}

// rubyTexts reads a literal of text or an array of them, both maybe frozen. It is nil for every other expression.
func rubyTexts(value string) []string {
	value = strings.TrimSpace(value)
	inner, isArray := strings.CutPrefix(value, "[")
	if !isArray {
		text, rest, ok := rubyText(value)
		if !ok || rest != "" {
			return nil
		}
		return []string{text}
	}
	var texts []string
	for {
		text, rest, ok := rubyText(strings.TrimLeft(inner, " "))
		if !ok {
			return nil
		}
		texts = append(texts, text)
		if rest == "]" || rest == "].freeze" {
			return texts
		}
		if inner, ok = strings.CutPrefix(rest, ","); !ok {
			return nil
		}
	}
}

// rubyText reads the literal at the begin of an expression, as String#dump spells it, and returns what follows.
func rubyText(expression string) (text, rest string, ok bool) {
	if expression == "" || expression[0] != '"' {
		return "", "", false
	}
	end := 1 + quotedLength(expression[1:], '"')
	if end >= len(expression) {
		return "", "", false
	}
	rest = strings.TrimPrefix(expression[end+1:], ".freeze")
	literal := strings.Clone(expression[:end+1])                                        // a row must not hold on to the whole file
	literal = strings.NewReplacer(`\\`, `\\`, `\#`, `#`, `\e`, `\x1b`).Replace(literal) // what Go spells otherwise
	if text, err := strconv.Unquote(literal); err == nil {
		return text, rest, true
	}
	return literal[1 : len(literal)-1], rest, true // an escape that is Ruby's alone stays as it is
}
