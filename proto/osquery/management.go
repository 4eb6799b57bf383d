// SPDX-License-Identifier: Apache-2.0

package osquery

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// fromManagement finds the certificates that Microsoft Entra ID, Intune or Jamf issued to a machine.
const fromManagement = `(issuer LIKE '%MS-Organization-Access%' OR issuer LIKE '%Intune%Device CA%' OR issuer LIKE '%JSS%')`

// certificate reads a certificate of the machine. Its issuer is all that is known of the one that signed it.
func (b *builder) certificate(r row) {
	subject, issuer := nameOf(r.plain("subject")), nameOf(r.plain("issuer"))
	c := &inventoryv1.Certificate{
		CommonName: first(r.text("common_name"), subject.last("CN")), Organization: subject.last("O"),
		OrganizationalUnit: subject.last("OU"), Domain: subject.domain(),
		Sha_1: r.sha1("sha1"), ValidFrom: r.datetime("not_valid_before"), ValidUntil: r.datetime("not_valid_after"),
		SerialNumber: lower(r.text("serial")), IsCa: r.truth("ca"), IsSelfSigned: r.truth("self_signed"),
		SignedBy: issuerOf(issuer, r.plain("issuer")),
	}
	if c.Sha_1 != nil {
		b.snap.Certificates = append(b.snap.Certificates, c)
	}
}

// issuerOf returns what a name says about the one that signed. Without any attribute the text itself is the name.
func issuerOf(name distinguishedName, text string) *inventoryv1.Certificate {
	c := &inventoryv1.Certificate{
		CommonName: name.last("CN"), Organization: name.last("O"), OrganizationalUnit: name.last("OU"), Domain: name.domain(),
	}
	switch {
	case proto.Size(c) > 0:
		return c
	case text != "":
		return &inventoryv1.Certificate{CommonName: &text}
	default:
		return nil
	}
}

// sha1 returns 40 hexadecimal digits in lower case.
func (r row) sha1(column string) *string {
	s := strings.ToLower(r.plain(column))
	if raw, err := hex.DecodeString(s); err != nil || len(raw) != 20 {
		return nil
	}
	return &s
}

// distinguishedName has the values of each attribute, in order.
type distinguishedName map[string][]string

// nameOf reads /C=US/O=Example/CN=Name, as macOS has it, and C=US, O=Example, CN=Name. Windows leaves the attributes'
// names out, and with them their sense.
func nameOf(text string) distinguishedName {
	name := distinguishedName{}
	separator := ","
	if strings.HasPrefix(text, "/") {
		separator = "/"
	}
	key := ""
	for part := range strings.SplitSeq(text, separator) {
		attribute, value, found := strings.Cut(part, "=")
		attribute = strings.ToUpper(strings.TrimSpace(attribute))
		switch {
		case found && value != "":
			key = attribute
			name[key] = append(name[key], strings.TrimSpace(value))
		case key != "" && !found: // the value before holds a separator
			values := name[key]
			values[len(values)-1] += separator + part
		}
	}
	return name
}

// last returns the last value of an attribute, nil when there is none.
func (n distinguishedName) last(attribute string) *string {
	values := n[attribute]
	if len(values) == 0 || values[len(values)-1] == "" {
		return nil
	}
	return &values[len(values)-1]
}

// domain joins the components of a domain.
func (n distinguishedName) domain() *string {
	if len(n["DC"]) == 0 {
		return nil
	}
	domain := strings.Join(n["DC"], ".")
	return &domain
}

// first returns the first value that is there.
func first(values ...*string) *string {
	for _, v := range values {
		if v != nil {
			return v
		}
	}
	return nil
}

// lower returns a value in lower case.
func lower(s *string) *string {
	if s == nil {
		return nil
	}
	l := strings.ToLower(*s)
	return &l
}

// portal is what one user's file of Microsoft's Company Portal says.
type portal struct{ id, name, version, authority string }

// companyPortal reads one value of such a file.
func (b *builder) companyPortal(r row) {
	path := r.plain("path")
	p := b.portals[path]
	if p == nil {
		p = &portal{}
		b.portals[path] = p
	}
	value := r.plain("value")
	switch r.plain("key") {
	case "aadUniqueId":
		p.id = value
	case "aadUserId":
		p.name = value
	case "version":
		p.version = value
	case "aadAuthorityUrl":
		p.authority = value
	}
}

// finishPortals takes the user of the first file, in their order, that names one.
func (b *builder) finishPortals() {
	for _, path := range slices.Sorted(maps.Keys(b.portals)) {
		p := b.portals[path]
		if p.id == "" || p.name == "" {
			continue
		}
		b.snap.PrincipalUser = &inventoryv1.PrincipalUser{
			Source:   &inventoryv1.PrincipalUserSource{Type: proto.String("COMPANY_PORTAL"), Properties: p.properties()},
			UniqueId: &p.id, PrincipalName: &p.name,
		}
		return
	}
}

// properties are one JSON object; nil without any.
func (p *portal) properties() *string {
	properties := map[string]string{}
	if p.version != "" {
		properties["version"] = p.version
	}
	if p.authority != "" {
		properties["azure_ad_authority_url"] = p.authority
	}
	raw, err := json.Marshal(properties)
	if err != nil || len(properties) == 0 {
		return nil
	}
	text := string(raw)
	return &text
}
