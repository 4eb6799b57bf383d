// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// yumRepo returns a reader of the files of yum, dnf and zypper, which differ in where the defaults of all repositories are.
//
// Source: yum.conf(5), dnf.conf(5), and zypper's documentation of .repo files.
func yumRepo(kind string, defaults ...string) func(f *finder, file, text string) []*inventoryv1.Repository {
	return func(f *finder, file, text string) []*inventoryv1.Repository {
		var fallback string
		for _, name := range defaults {
			for _, s := range parseINI(string(f.read(name, smallFile))) {
				if s.name == "main" {
					fallback = firstOf(fallback, s.values["gpgcheck"])
				}
			}
		}
		var rows []*inventoryv1.Repository
		for _, s := range parseINI(text) {
			if s.name != "" && s.name != "main" {
				rows = append(rows, yumRows(kind, file, s, fallback)...)
			}
		}
		return rows
	}
}

// yumRows makes a row of each address of a repository: its own, or else the list of mirrors that has them.
func yumRows(kind, file string, s iniSection, gpgcheck string) []*inventoryv1.Repository {
	addresses := yumWords(s.lists["baseurl"])
	for _, name := range []string{"metalink", "mirrorlist"} {
		if len(addresses) == 0 {
			addresses = yumWords(s.lists[name])
		}
	}
	var rows []*inventoryv1.Repository
	for _, address := range addresses {
		row := repository(kind, s.name, address, file)
		if on, ok := switchedOn(s.values["enabled"]); ok {
			row.Enabled = proto.Bool(on)
		}
		if on, ok := switchedOn(firstOf(s.values["gpgcheck"], gpgcheck)); ok {
			row.SignatureChecked = proto.Bool(on)
		}
		keys := yumWords(s.lists["gpgkey"])
		for i := range keys {
			keys[i] = maskAddress(keys[i])
		}
		row.Key = fact(strings.Join(keys, " "))
		rows = append(rows, row)
	}
	return rows
}

// yumWords splits lists at blanks and commas, in their order.
func yumWords(lines []string) []string {
	return strings.FieldsFunc(strings.Join(lines, " "), func(r rune) bool { return r == ' ' || r == ',' || r == '\t' })
}

// maxMirrors bounds the servers of one repository: a list of mirrors may name hundreds.
const maxMirrors = 32

// pacmanConf reads the repositories of pacman with their servers, which most take from a list of mirrors.
//
// Source: pacman.conf(5).
func pacmanConf(f *finder, file, text string) []*inventoryv1.Repository {
	sections := parseINI(text)
	var general string
	for _, s := range sections {
		if s.name == "options" {
			general = firstOf(general, s.values["siglevel"])
		}
	}
	var rows []*inventoryv1.Repository
	for _, s := range sections {
		if s.name == "" || s.name == "options" {
			continue
		}
		servers := s.lists["server"]
		for _, include := range s.lists["include"] {
			for _, name := range f.find(strings.TrimPrefix(include, "/")) {
				for _, mirrors := range parseINI(string(f.read(name, smallFile))) {
					servers = append(servers, mirrors.lists["server"]...)
				}
			}
		}
		for _, server := range servers[:min(len(servers), maxMirrors)] {
			row := repository("pacman", s.name, server, file)
			row.SignatureChecked = packagesChecked(firstOf(s.values["siglevel"], general))
			rows = append(rows, row)
		}
	}
	return rows
}

// packagesChecked tells whether a level asks for signatures of packages; nil when it does not say. Optional ones are
// checked where they are there, which protects nobody.
func packagesChecked(level string) *bool {
	var checked *bool
	for _, word := range strings.Fields(level) {
		switch strings.TrimPrefix(word, "Package") {
		case "Required":
			checked = proto.Bool(true)
		case "Never", "Optional":
			checked = proto.Bool(false)
		}
	}
	return checked
}
