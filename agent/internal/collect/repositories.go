// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"net/url"
	"path"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// repositoryFile is a kind of file that defines repositories.
type repositoryFile struct {
	pattern string
	parse   func(f *finder, name, text string) []*inventoryv1.Repository
	// open tells that other files have a say in it, so that it is read again each time.
	open bool
}

// repositoryFiles are the files that define repositories, by system.
var repositoryFiles = map[string][]repositoryFile{
	"linux": {
		{pattern: "etc/apt/sources.list", parse: aptList},
		{pattern: "etc/apt/sources.list.d/*.list", parse: aptList},
		{pattern: "etc/apt/sources.list.d/*.sources", parse: aptSources},
		{pattern: "etc/yum.repos.d/*.repo", parse: yumRepo("yum", "etc/dnf/dnf.conf", "etc/yum.conf"), open: true},
		{pattern: "etc/zypp/repos.d/*.repo", parse: yumRepo("zypp", "etc/zypp/zypp.conf"), open: true},
		{pattern: "etc/apk/repositories", parse: apkRepositories},
		{pattern: "etc/apk/repositories.d/*.list", parse: apkRepositories},
		{pattern: "etc/pacman.conf", parse: pacmanConf, open: true},
		{pattern: "{var/lib,root/.local/share,home/*/.local/share}/flatpak/repo/config", parse: flatpakRemotes},
		{pattern: "home/linuxbrew/.linuxbrew/Homebrew/Library/Taps/*/*/.git/config", parse: brewTap},
	},
	"darwin": {
		{pattern: "{opt/homebrew,usr/local/Homebrew}/Library/Taps/*/*/.git/config", parse: brewTap},
	},
}

func init() {
	for system, kinds := range repositoryFiles {
		register(Collector{
			Name: "repositories", On: []string{system},
			CollectFiles: func(_ context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
				return collectRepositories(h, files, snap, kinds)
			},
		})
	}
}

// collectRepositories lists the places that packages come from, as their files spell them: variables such as $releasever
// are not replaced. Repositories that are switched off are listed too, those in comments are not.
func collectRepositories(h host.Host, files *memo, snap *inventoryv1.Snapshot, kinds []repositoryFile) error {
	f := newFinder(h)
	merge := merger[*inventoryv1.Repository]{}
	for _, kind := range kinds {
		for _, name := range f.find(kind.pattern) {
			parse := func() []*inventoryv1.Repository { return kind.parse(f, name, string(f.read(name, smallFile))) }
			var rows []*inventoryv1.Repository
			if kind.open {
				rows = parse()
			} else {
				rows = rememberFile(f, files, name, parse)
			}
			for _, row := range rows {
				merge.add(row)
			}
		}
	}
	snap.Repositories = merge.rows
	return f.result(len(merge.rows))
}

// repository begins a row.
func repository(kind, name, address, file string) *inventoryv1.Repository {
	return &inventoryv1.Repository{
		Type: fact(kind), Name: fact(name), Url: fact(maskAddress(address)), Source: fact("/" + file), Enabled: proto.Bool(true),
	}
}

// maskAddress replaces what gives access in the address of a repository: the user and password before the name, and the
// values of parameters with a telling name.
func maskAddress(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return maskSecrets(address)
	}
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		authority = masked + authority[i:]
	}
	if before, query, ok := strings.Cut(tail, "?"); ok {
		tail = before + "?" + maskQuery(query)
	}
	return maskShapes(scheme + "://" + authority + tail)
}

// maskQuery masks the values of parameters with a telling name.
func maskQuery(query string) string {
	parameters := strings.Split(query, "&")
	for i, p := range parameters {
		name, value, _ := strings.Cut(p, "=")
		plain, err := url.QueryUnescape(name)
		if err != nil {
			plain = name
		}
		if plain = strings.ToLower(plain); value != "" && (secretName(plain) || plain == "key" || plain == "sig" || plain == "signature") {
			parameters[i] = name + "=" + masked
		}
	}
	return strings.Join(parameters, "&")
}

// maskShapes masks tokens that give themselves away by their form, wherever they are in an address.
func maskShapes(address string) string {
	elements := strings.Split(address, "/")
	for i, e := range elements {
		if i > 2 { // behind the name
			elements[i] = maskSecrets(e)
		}
	}
	return strings.Join(elements, "/")
}

// switchedOn tells whether a setting is on: 1, yes, true or on; ok is false when it says nothing of the kind.
func switchedOn(value string) (on, ok bool) {
	switch strings.ToLower(value) {
	case "1", "yes", "true", "on":
		return true, true
	case "0", "no", "false", "off":
		return false, true
	}
	return false, false
}

// apkRepositories reads lines with an address each, maybe behind a tag.
//
// Source: apk-repositories(5).
func apkRepositories(_ *finder, file, text string) []*inventoryv1.Repository {
	var rows []*inventoryv1.Repository
	for len(text) > 0 {
		var line string
		line, text = cutLine(text)
		words := strings.Fields(line)
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		var tag string
		if words[0][0] == '@' && len(words) > 1 {
			tag, words = words[0], words[1:]
		}
		if !strings.Contains(words[0], "/") {
			continue // a setting of newer versions
		}
		rows = append(rows, repository("apk", tag, words[0], file))
	}
	return rows
}

// flatpakRemotes reads the sections [remote "name"] of an installation's repository.
//
// Source: flatpak-remote(5) and ostree.repo-config(5).
func flatpakRemotes(_ *finder, file, text string) []*inventoryv1.Repository {
	var rows []*inventoryv1.Repository
	for _, s := range parseINI(text) {
		name, ok := strings.CutPrefix(s.name, `remote "`)
		if name = strings.TrimSuffix(name, `"`); !ok || s.values["url"] == "" {
			continue
		}
		row := repository("flatpak", name, s.values["url"], file)
		if off, ok := switchedOn(s.values["xa.disable"]); ok {
			row.Enabled = proto.Bool(!off)
		}
		if on, ok := switchedOn(s.values["gpg-verify"]); ok {
			row.SignatureChecked = proto.Bool(on)
		}
		rows = append(rows, row)
	}
	return rows
}

// brewTap reads where a tap of Homebrew was cloned from.
//
// Source: git-config(1); Homebrew's documentation of taps.
func brewTap(_ *finder, file, text string) []*inventoryv1.Repository {
	for _, s := range parseINI(text) {
		if s.name == `remote "origin"` && s.values["url"] != "" {
			folder := path.Dir(path.Dir(file))
			name := path.Base(path.Dir(folder)) + "/" + strings.TrimPrefix(path.Base(folder), "homebrew-")
			return []*inventoryv1.Repository{repository("brew", name, s.values["url"], file)}
		}
	}
	return nil
}

// sortedWords splits a list at blanks and commas and sorts it.
func sortedWords(list string) []string {
	words := strings.FieldsFunc(list, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' || r == '\n' })
	for i := range words {
		words[i] = clean(words[i])
	}
	slices.Sort(words)
	return slices.Compact(words)
}
