// SPDX-License-Identifier: Apache-2.0

package index

import "slices"

// softwareKinds are the kinds that people call software, in order; other shared kinds are operating systems, profiles,
// certificates and the like.
var softwareKinds = []string{
	"android_apps", "apk_packages", "brew_packages", "browser_extensions", "deb_packages", "flatpak_apps", "gem_packages",
	"go_binaries", "ios_apps", "java_components", "jvms", "npm_packages", "osx_app_instances", "pacman_packages",
	"program_instances", "python_packages", "receipts", "rpm_packages", "snap_packages", "windows_store_apps",
}

// unnamedKinds are the kinds whose name and version do not tell what a census counts them by.
var unnamedKinds = []string{"os_version", "osx_app_instances"}

// groupKind is the kind of the groups that sources have machines in.
const groupKind = "groups"

// SoftwareKinds returns the kinds that filters and searches mean by software, in order; the caller owns the slice.
func SoftwareKinds() []string { return slices.Clone(softwareKinds) }

// software goes through the kinds of software that somebody has.
func (c *catalog) software(yield func(*kind) bool) {
	for _, name := range softwareKinds {
		if k := c.kinds[name]; k != nil && !yield(k) {
			return
		}
	}
}
