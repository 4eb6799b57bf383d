// SPDX-License-Identifier: Apache-2.0

package collect

import "github.com/package-url/packageurl-go"

// purlOf spells the package URL of a package that belongs to no distribution, normalised as its type asks; extra are
// qualifiers as key, value, key, value. It is nil for what has no name.
//
// Source: the package-url specification.
func purlOf(kind, namespace, name, version string, extra ...string) *string {
	p := packageurl.PackageURL{Type: kind, Namespace: clean(namespace), Name: clean(name), Version: clean(version)}
	for i := 0; i+1 < len(extra); i += 2 {
		if extra[i+1] != "" {
			p.Qualifiers = append(p.Qualifiers, packageurl.Qualifier{Key: extra[i], Value: clean(extra[i+1])})
		}
	}
	if err := p.Normalize(); err != nil {
		return nil // a name that the type does not allow
	}
	return fact(p.ToString())
}
