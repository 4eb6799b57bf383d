// SPDX-License-Identifier: Apache-2.0

package normal

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// The first builds that are named by their build alone, and the first of Windows 11.
const (
	firstWindows10 = 10000
	firstWindows11 = 22000
)

// windowsReleases gives the release that a build is known as.
//
// Source: Microsoft's release information pages of Windows 10 and 11.
var windowsReleases = map[int64]string{
	10240: "1507",
	10586: "1511",
	14393: "1607",
	15063: "1703",
	16299: "1709",
	17134: "1803",
	17763: "1809",
	18362: "1903",
	18363: "1909",
	19041: "2004",
	19042: "20H2",
	19043: "21H1",
	19044: "21H2",
	19045: "22H2",
	22000: "21H2",
	22621: "22H2",
	22631: "23H2",
	26100: "24H2",
	26200: "25H2",
	26300: "26H1",
	28000: "26H1",
}

// WindowsVersion returns what raw, the numbers as Windows gives them, is called. The build comes from raw's build
// ("19044" or "19044.1682", build and update revision) or, where patch is set, from patch, to which build is then the
// revision. From build 10000 on, the result has name, major, build, and a version where the build has a known release;
// minor and patch are absent. Older systems are named Windows and keep their numbers. Other fields are copied; raw is
// not changed, and nil counts as empty.
func WindowsVersion(raw *inventoryv1.OSVersion) *inventoryv1.OSVersion {
	v := &inventoryv1.OSVersion{}
	proto.Merge(v, raw)
	build := windowsBuild(v)
	number, revision, _ := strings.Cut(build, ".")
	n, err := strconv.ParseInt(number, 10, 32)
	if err != nil || n < firstWindows10 || strings.HasPrefix(number, "+") {
		v.Name = proto.String("Windows")
		return v
	}
	v.Name, v.Major = proto.String("Windows 10"), proto.Int64(10)
	if n >= firstWindows11 {
		v.Name, v.Major = proto.String("Windows 11"), proto.Int64(11)
	}
	v.Minor, v.Patch, v.Version = nil, nil, nil
	if release, ok := windowsReleases[n]; ok {
		v.Version = proto.String(release)
	}
	if revision != "" {
		number += "." + revision
	}
	v.Build = proto.String(number)
	return v
}

// windowsBuild joins patch and build, unless build begins with patch already.
func windowsBuild(v *inventoryv1.OSVersion) string {
	build := strings.TrimSpace(v.GetBuild())
	if v.GetPatch() <= 0 {
		return build
	}
	number := strconv.FormatInt(v.GetPatch(), 10)
	switch {
	case build == "":
		return number
	case build == number || strings.HasPrefix(build, number+"."):
		return build
	default:
		return number + "." + build
	}
}
