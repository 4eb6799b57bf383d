// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

const aptSourcesText = `# a comment
Types: deb deb-src
URIs: http://deb.example.org/debian
# another
Suites: bookworm bookworm-updates
Components: main contrib
Architectures: arm64, amd64
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQ
Enabled: no

Types: deb
URIs: https://user:pw@apt.example.org/x
Suites: ./
Trusted: yes
X-Repolib-Name: Example
`

func TestRepositories(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, system, want string
		files              fstest.MapFS
	}{
		{
			name: "apt, one line each",
			files: fstest.MapFS{"etc/apt/sources.list": text("# deb http://off.example x main\n" +
				"deb [arch=amd64 signed-by=/usr/share/keyrings/a.gpg] http://deb.example.org/debian bookworm main contrib # why\n" +
				"deb-src http://deb.example.org/debian bookworm main\ndeb cdrom:[Debian 12 _Bookworm_]/ bookworm main\ndeb\nnonsense a b c\n")},
			want: `
{architectures:[amd64],components:[main,contrib],distribution:bookworm,enabled:true,is_source:false,key:/usr/share/keyrings/a.gpg,signature_checked:true,source:/etc/apt/sources.list,type:apt,url:http://deb.example.org/debian}
{components:[main],distribution:bookworm,enabled:true,is_source:true,signature_checked:true,source:/etc/apt/sources.list,type:apt,url:http://deb.example.org/debian}
{components:[main],distribution:bookworm,enabled:true,is_source:false,signature_checked:true,source:/etc/apt/sources.list,type:apt,url:cdrom:[Debian 12 _Bookworm_]/}`,
		},
		{
			name:  "apt, control files",
			files: fstest.MapFS{"etc/apt/sources.list.d/a.sources": text(aptSourcesText), "etc/apt/sources.list.d/b.sources.off": text(aptSourcesText)},
			want: `
{architectures:[amd64,arm64],components:[main,contrib],distribution:bookworm,enabled:false,is_source:false,signature_checked:true,source:/etc/apt/sources.list.d/a.sources,type:apt,url:http://deb.example.org/debian}
{architectures:[amd64,arm64],components:[main,contrib],distribution:bookworm-updates,enabled:false,is_source:false,signature_checked:true,source:/etc/apt/sources.list.d/a.sources,type:apt,url:http://deb.example.org/debian}
{architectures:[amd64,arm64],components:[main,contrib],distribution:bookworm,enabled:false,is_source:true,signature_checked:true,source:/etc/apt/sources.list.d/a.sources,type:apt,url:http://deb.example.org/debian}
{architectures:[amd64,arm64],components:[main,contrib],distribution:bookworm-updates,enabled:false,is_source:true,signature_checked:true,source:/etc/apt/sources.list.d/a.sources,type:apt,url:http://deb.example.org/debian}
{distribution:./,enabled:true,is_source:false,name:Example,signature_checked:false,source:/etc/apt/sources.list.d/a.sources,type:apt,url:https://***@apt.example.org/x}`,
		},
		{
			name: "dnf and zypper",
			files: fstest.MapFS{
				"etc/dnf/dnf.conf": text("[main]\ngpgcheck=True\n"),
				"etc/yum.repos.d/a.repo": text("[baseos]\nname=Base $releasever\nmirrorlist=https://mirrors.example/list?arch=$basearch&token=abc\nenabled=1\n" +
					"gpgkey=file:///etc/pki/a\n    file:///etc/pki/b\n\n[extras]\nbaseurl=https://a.example/x,\n  https://b.example/x\nenabled=0\ngpgcheck=0\n"),
				"etc/zypp/repos.d/oss.repo": text("[oss]\nenabled=1\nautorefresh=1\nbaseurl=http://download.opensuse.org/distribution/leap/15.5/repo/oss/\n"),
			},
			want: `
{enabled:true,key:file:///etc/pki/a file:///etc/pki/b,name:baseos,signature_checked:true,source:/etc/yum.repos.d/a.repo,type:yum,url:https://mirrors.example/list?arch=$basearch&token=***}
{enabled:false,name:extras,signature_checked:false,source:/etc/yum.repos.d/a.repo,type:yum,url:https://a.example/x}
{enabled:false,name:extras,signature_checked:false,source:/etc/yum.repos.d/a.repo,type:yum,url:https://b.example/x}
{enabled:true,name:oss,source:/etc/zypp/repos.d/oss.repo,type:zypp,url:http://download.opensuse.org/distribution/leap/15.5/repo/oss/}`,
		},
		{
			name:  "apk",
			files: fstest.MapFS{"etc/apk/repositories": text("https://dl-cdn.alpinelinux.org/alpine/v3.19/main\n#https://off\n\n@edge http://x/edge\n")},
			want: `
{enabled:true,source:/etc/apk/repositories,type:apk,url:https://dl-cdn.alpinelinux.org/alpine/v3.19/main}
{enabled:true,name:@edge,source:/etc/apk/repositories,type:apk,url:http://x/edge}`,
		},
		{
			name: "pacman",
			files: fstest.MapFS{
				"etc/pacman.conf": text("[options]\nCheckSpace\nSigLevel    = Required DatabaseOptional\n#[testing]\n[core]\nInclude = /etc/pacman.d/mirrorlist\n" +
					"[own]\nSigLevel = PackageNever\nServer = file:///srv/own\n"),
				"etc/pacman.d/mirrorlist": text("## Worldwide\nServer = https://a.example/$repo/os/$arch\n#Server = https://b.example\n"),
			},
			want: `
{enabled:true,name:core,signature_checked:true,source:/etc/pacman.conf,type:pacman,url:https://a.example/$repo/os/$arch}
{enabled:true,name:own,signature_checked:false,source:/etc/pacman.conf,type:pacman,url:file:///srv/own}`,
		},
		{
			name: "flatpak",
			files: fstest.MapFS{
				"var/lib/flatpak/repo/config": text("[core]\nrepo_version=1\n\n[remote \"flathub\"]\nurl=https://dl.flathub.org/repo/\ngpg-verify=true\nxa.disable=true\n"),
			},
			want: `{enabled:false,name:flathub,signature_checked:true,source:/var/lib/flatpak/repo/config,type:flatpak,url:https://dl.flathub.org/repo/}`,
		},
		{
			name: "taps", system: "darwin",
			files: fstest.MapFS{"opt/homebrew/Library/Taps/acme/homebrew-tools/.git/config": text("[core]\n\tbare = false\n[remote \"origin\"]\n" +
				"\turl = https://ghp_0123456789abcdef@github.com/acme/homebrew-tools\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n")},
			want: `{enabled:true,name:acme/tools,source:/opt/homebrew/Library/Taps/acme/homebrew-tools/.git/config,type:brew,url:https://***@github.com/acme/homebrew-tools}`,
		},
	}
	for _, tt := range tests {
		system := firstOf(tt.system, "linux")
		snap, err := gatherOn(t, system, "repositories", &hosttest.Machine{Files: tt.files})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		expectRows(t, tt.name, show(snap.Repositories...), tt.want)
	}
}

func TestAddressesGiveNoAccess(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, address, want string }{
		{"a password", "https://me:secret@a.example/x", "https://***@a.example/x"},
		{"a token alone", "https://tok@a.example/x", "https://***@a.example/x"},
		{"a password with the sign in it", "https://me:p@ss@a.example/x", "https://***@a.example/x"},
		{"a parameter", "https://a.example/x?a=1&sig=abc&Access%5FToken=abc", "https://a.example/x?a=1&sig=***&Access%5FToken=***"},
		{"a path with the sign", "https://a.example/@scope/x", "https://a.example/@scope/x"},
		{"a token of a known form", "https://a.example/ghp_0123456789abcdef/x", "https://a.example/***/x"},
		{"nothing to hide", "mirror+file:/etc/apt/mirrors", "mirror+file:/etc/apt/mirrors"},
		{"ports", "http://[::1]:8080/x?arch=$basearch", "http://[::1]:8080/x?arch=$basearch"},
	}
	for _, tt := range tests {
		if got := maskAddress(tt.address); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func FuzzRepositories(f *testing.F) {
	f.Add(aptSourcesText)
	f.Add("deb [a=b] cdrom:[x y]/ z\n[r]\nbaseurl=a\n b\n[remote \"x\"]\nurl=y\n@t http://x")
	f.Fuzz(func(t *testing.T, content string) {
		for _, kind := range repositoryFiles["linux"] {
			finder := newFinder(&hosttest.Machine{})
			for _, row := range kind.parse(finder, "etc/x/y/z/config", content) {
				fits(t, row)
				if row.GetUrl() == "" && !strings.Contains(content, "\x00") {
					t.Errorf("a row without an address: %s", show(row))
				}
			}
		}
	})
}
