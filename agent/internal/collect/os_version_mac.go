// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/normal"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect/plist"
	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// macVersions are where the version is written. What a rapid security response replaced comes first.
var macVersions = []string{
	"System/Cryptexes/OS/System/Library/CoreServices/SystemVersion.plist",
	"System/Library/CoreServices/SystemVersion.plist",
}

func init() {
	if !onMac {
		return
	}
	register(Collector{
		Name: "os_version", On: []string{"darwin"}, Essential: true, Collect: collectMacOSVersion, Sources: macVersions,
	})
}

// collectMacOSVersion reads the version. A list that has no numbers, or calls the system OS X as it was called before
// 10.12, gives the numbers of its build.
//
// Source: sw_vers(1).
func collectMacOSVersion(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	list, err := macVersionList(h)
	if err != nil {
		return absent(err)
	}
	build := list.Text("ProductBuildVersion")
	numbers := strings.Split(list.Text("ProductVersion"), ".")
	major := number(numbers[0])
	if major == nil || strings.Contains(list.Text("ProductName"), "OS X") {
		if snap.OsVersion, err = normal.MacOSFromBuild(build); err != nil {
			return fmt.Errorf("version of macOS: %w", err)
		}
	} else {
		snap.OsVersion = &inventoryv1.OSVersion{
			Name: fact(list.Text("ProductName")), Major: major, Minor: proto.Int64(0), Patch: proto.Int64(0), Build: fact(build),
		}
		if len(numbers) > 1 {
			snap.OsVersion.Minor = number(numbers[1])
		}
		if len(numbers) > 2 {
			snap.OsVersion.Patch = number(numbers[2])
		}
	}
	snap.OsVersion.Id = proto.String("macos")
	if extra := list.Text("ProductVersionExtra"); extra != "" {
		snap.OsVersion.Version = fact(extra)
	}
	return nil
}

// macVersionList is the first list that is there.
func macVersionList(h host.Host) (list plist.Dict, err error) {
	for _, name := range macVersions {
		if list, err = readDict(h, name); err == nil && list.Text("ProductBuildVersion") != "" {
			return list, nil
		}
	}
	return list, err
}
