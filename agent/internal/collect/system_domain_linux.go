// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

const sssdFile = "etc/sssd/sssd.conf"

// directoryDomain returns the domain of Active Directory or FreeIPA that the machine has joined, in lower case. What
// Kerberos takes for its default and what resolv.conf appends to names is no membership. It notes in refused when only
// the administrator may know.
//
// Source: ipa-client-install(1) for /etc/ipa/default.conf, sssd.conf(5) with sssd-ad(5) and sssd-ipa(5), smb.conf(5).
func directoryDomain(h host.Host, refused *gap) string {
	ipa := settingsOf(peek(h, "etc/ipa/default.conf"), "global")
	if ipa["domain"] != "" {
		return strings.ToLower(ipa["domain"])
	}
	samba := settingsOf(peek(h, "etc/samba/smb.conf"), "global")
	if strings.EqualFold(samba["security"], "ads") && samba["realm"] != "" {
		return strings.ToLower(samba["realm"])
	}
	text, err := readLine(h, sssdFile)
	if errors.Is(err, fs.ErrPermission) {
		refused.paths = append(refused.paths, "/"+sssdFile)
	}
	return strings.ToLower(sssdDomain(text))
}

// sssdDomain returns the first domain of sssd.conf that is a directory which machines join.
func sssdDomain(text string) string {
	for domain := range strings.SplitSeq(settingsOf(text, "sssd")["domains"], ",") {
		domain = strings.TrimSpace(domain)
		set := settingsOf(text, "domain/"+domain)
		switch set["id_provider"] {
		case "ad":
			return firstOf(set["ad_domain"], domain)
		case "ipa":
			return firstOf(set["ipa_domain"], domain)
		}
	}
	return ""
}

// settingsOf returns the settings of one section of an INI file; of a section that comes twice the later settings count.
func settingsOf(text, section string) map[string]string {
	all := map[string]string{}
	for _, s := range parseINI(text) {
		if strings.EqualFold(s.name, section) {
			for name, value := range s.values {
				all[name] = value
			}
		}
	}
	return all
}
