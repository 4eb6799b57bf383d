// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/json"
	"strconv"
	"strings"
)

// maxNameBytes bounds the name and version columns: they are indexed, and PostgreSQL refuses index entries of more than
// some 2,700 bytes.
const maxNameBytes = 512

// assetNames are the keys under which kinds keep what people call the thing and its version.
type assetNames struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Release string `json:"release"`
	Epoch   int64  `json:"epoch"`

	DisplayName string `json:"display_name"` // android_apps, profiles
	VersionName string `json:"version_name"` // android_apps
	CommonName  string `json:"common_name"`  // certificates

	App struct { // osx_app_instances
		BundleID         string `json:"bundle_id"`
		BundleName       string `json:"bundle_name"`
		BundleVersion    string `json:"bundle_version"`
		BundleVersionStr string `json:"bundle_version_str"`
	} `json:"app"`
	Program struct { // program_instances
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"program"`
}

// nameOf returns the name and version columns of an asset. A body that does not have the expected form gives what it
// has, and a text that is too long its beginning; the columns only serve searching.
func nameOf(kind string, body []byte) (name, version string) {
	var n assetNames
	_ = json.Unmarshal(body, &n) // a key of an unexpected type leaves the others filled
	name, version = n.of(kind)
	return shortened(name), shortened(version)
}

func (n *assetNames) of(kind string) (name, version string) {
	switch kind {
	case "osx_app_instances":
		return first(n.App.BundleName, n.App.BundleID), first(n.App.BundleVersionStr, n.App.BundleVersion)
	case "program_instances":
		return n.Program.Name, n.Program.Version
	case "android_apps":
		return n.DisplayName, n.VersionName
	case "rpm_packages":
		return n.Name, n.rpmVersion()
	default:
		return first(n.Name, n.DisplayName, n.CommonName), n.Version
	}
}

// rpmVersion returns epoch:version-release, the epoch only when it is not 0.
func (n *assetNames) rpmVersion() string {
	version := n.Version
	if n.Release != "" {
		version += "-" + n.Release
	}
	if n.Epoch != 0 {
		version = strconv.FormatInt(n.Epoch, 10) + ":" + version
	}
	return version
}

// shortened cuts a text off behind a whole character.
func shortened(text string) string {
	if len(text) <= maxNameBytes {
		return text
	}
	return strings.ToValidUTF8(text[:maxNameBytes], "")
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
