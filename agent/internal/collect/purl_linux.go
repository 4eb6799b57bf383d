// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"github.com/package-url/packageurl-go"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// distro is what a package URL says about the distribution that a package comes from.
type distro struct {
	// namespace is os-release's ID: debian.
	namespace string
	// release is ID and VERSION_ID, debian-12, or ID and codename where there is no number.
	release string
}

// distroOf reads os-release. Without one the package URLs name no distribution.
func distroOf(h host.Host) distro {
	values, err := osRelease(h)
	if err != nil || values["ID"] == "" {
		return distro{}
	}
	d := distro{namespace: values["ID"], release: values["ID"]}
	switch {
	case values["VERSION_ID"] != "":
		d.release += "-" + values["VERSION_ID"]
	case values["VERSION_CODENAME"] != "":
		d.release += "-" + values["VERSION_CODENAME"]
	}
	return d
}

// purl spells a package URL; extra are further qualifiers as key, value, key, value with keys in order.
//
// Source: the package-url specification, types deb, rpm and apk.
func (d distro) purl(kind, name, version, arch string, extra ...string) string {
	qualifiers := make(packageurl.Qualifiers, 0, 4)
	for _, q := range [...][2]string{{"arch", arch}, {"distro", d.release}} {
		if q[1] != "" {
			qualifiers = append(qualifiers, packageurl.Qualifier{Key: q[0], Value: q[1]})
		}
	}
	for i := 0; i+1 < len(extra); i += 2 {
		if extra[i+1] != "" {
			qualifiers = append(qualifiers, packageurl.Qualifier{Key: extra[i], Value: extra[i+1]})
		}
	}
	p := packageurl.PackageURL{Type: kind, Namespace: d.namespace, Name: name, Version: version, Qualifiers: qualifiers}
	return p.ToString()
}
