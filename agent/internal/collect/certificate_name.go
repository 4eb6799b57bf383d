// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"encoding/asn1"
	"encoding/hex"
	"strings"
)

// domainComponent is the type of DC=example,DC=com.
const domainComponent = "0.9.2342.19200300.100.1.25"

// attributeNames are the short names of RFC 4514, section 3, and those of RFC 4519 and X.520 that certificates use.
var attributeNames = map[string]string{
	"2.5.4.3": "CN", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.6": "C",
	"2.5.4.9": "STREET", domainComponent: "DC", "0.9.2342.19200300.100.1.1": "UID",
	"2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.12": "title", "2.5.4.13": "description", "2.5.4.15": "businessCategory",
	"2.5.4.17": "postalCode", "2.5.4.42": "GN", "2.5.4.46": "dnQualifier", "2.5.4.97": "organizationIdentifier",
	"1.2.840.113549.1.9.1": "emailAddress",
}

// distinguishedName spells a name of X.500 as text: the last part first.
//
// Source: RFC 4514.
func distinguishedName(raw []byte) string {
	names := relativeNames(raw)
	parts := make([]string, 0, len(names))
	for i := len(names) - 1; i >= 0; i-- {
		var values []string
		for _, a := range names[i] {
			values = append(values, attribute(a.Type.String(), a.Value))
		}
		parts = append(parts, strings.Join(values, "+"))
	}
	return strings.Join(parts, ",")
}

// attribute spells one type and value; a type without a name has its value in hex.
func attribute(kind string, value any) string {
	name, known := attributeNames[kind]
	text, isText := value.(string)
	if known && isText {
		return name + "=" + escaped(clean(text))
	}
	if !known {
		name = kind
	}
	der, err := asn1.Marshal(value)
	if err != nil {
		return name + "="
	}
	return name + "=#" + hex.EncodeToString(der)
}

// escaped protects what has a meaning of its own in a name.
func escaped(value string) string {
	var b strings.Builder
	for i, r := range value {
		switch {
		case strings.ContainsRune(`"+,;<>\`, r), i == 0 && r == '#', r == ' ' && (i == 0 || i == len(value)-1):
			b.WriteByte('\\')
		case r < ' ' || r == 0x7f:
			b.WriteByte('\\')
			b.WriteString(strings.ToUpper(hex.EncodeToString([]byte{byte(r)})))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
