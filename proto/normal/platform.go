// SPDX-License-Identifier: Apache-2.0

package normal

import (
	"strings"
	"unicode"
)

// The platforms, as the tree spells them.
const (
	platformLinux   = "LINUX"
	platformMacOS   = "MACOS"
	platformWindows = "WINDOWS"
	platformAndroid = "ANDROID"
	platformIOS     = "IOS"
	platformIPadOS  = "IPADOS"
	platformTVOS    = "TVOS"
)

// platformRules are parts of an operating system's name, lower case without spaces; the first one found decides. They
// are the contract's to the letter, its `rehl` included; RHEL itself is among linuxWords.
var platformRules = []struct{ part, platform string }{
	{"macos", platformMacOS},
	{"osx", platformMacOS},
	{"ios", platformIOS},
	{"ipados", platformIPadOS},
	{"tvos", platformTVOS},
	{"windows", platformWindows},
	{"android", platformAndroid},
	{"centos", platformLinux},
	{"fedora", platformLinux},
	{"redhat", platformLinux},
	{"rehl", platformLinux},
	{"debian", platformLinux},
	{"ubuntu", platformLinux},
	{"gentoo", platformLinux},
	{"linux", platformLinux},
}

// linuxWords are words of names that do not say Linux, lower case: distributions' names and their IDs in
// os-release. They decide only when platformRules did not.
var linuxWords = map[string]bool{
	"alma": true, "alpine": true, "amazon": true, "amzn": true, "arch": true, "bottlerocket": true, "clearos": true,
	"deepin": true, "devuan": true, "elementary": true, "endeavouros": true, "endless": true, "eurolinux": true,
	"euleros": true, "flatcar": true, "garuda": true, "guix": true, "kali": true, "kubic": true, "kylin": true,
	"mageia": true, "manjaro": true, "mint": true, "nixos": true, "ol": true, "openeuler": true, "openmandriva": true,
	"openwrt": true, "parrot": true, "photon": true, "pop": true, "pop!_os": true, "postmarketos": true, "proxmox": true,
	"pureos": true, "qubes": true, "raspbian": true, "rhel": true, "rocky": true, "rosa": true, "slackware": true,
	"sled": true, "sles": true, "solus": true, "steamos": true, "talos": true, "trisquel": true, "tumbleweed": true,
	"virtuozzo": true, "void": true, "vyos": true, "zorin": true,
}

// linuxParts decide like linuxWords, wherever in the name they stand.
var linuxParts = []string{"suse", "openeuler", "opencloudos", "anolis"}

// Platform returns LINUX, MACOS, WINDOWS, ANDROID, IOS, IPADOS or TVOS for the name of an operating system, and false
// for a name that belongs to none of them (BSD, Solaris, an empty name).
func Platform(osName string) (string, bool) {
	lower := strings.ToLower(osName)
	joined := strings.ReplaceAll(lower, " ", "")
	for _, rule := range platformRules {
		if strings.Contains(joined, rule.part) {
			return rule.platform, true
		}
	}
	for _, part := range linuxParts {
		if strings.Contains(joined, part) {
			return platformLinux, true
		}
	}
	for _, word := range strings.FieldsFunc(lower, betweenWords) {
		if linuxWords[word] {
			return platformLinux, true
		}
	}
	return "", false
}

// betweenWords keeps the signs of Pop!_OS inside its word.
func betweenWords(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '!' && r != '_'
}

// isApple tells the systems that hide a patch number of zero.
func isApple(osName string) bool {
	switch platform, _ := Platform(osName); platform {
	case platformMacOS, platformIOS, platformIPadOS, platformTVOS:
		return true
	default:
		return false
	}
}
