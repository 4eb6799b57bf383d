// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// loginWindow remembers who logged in last at the screen of the machine.
const loginWindow = "Library/Preferences/com.apple.loginwindow.plist"

func init() {
	if !onMac {
		return
	}
	register(Collector{Name: "principal_user", On: []string{"darwin"}, Collect: collectMacPrincipalUser, Sources: []string{loginWindow}})
}

// collectMacPrincipalUser takes who logged in last at the screen for the person who uses the machine.
func collectMacPrincipalUser(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	settings, err := readDict(h, loginWindow)
	if err != nil {
		return absent(err)
	}
	name := settings.Text("lastUserName")
	if name == "" || name == "root" || name == "loginwindow" || strings.HasPrefix(name, "_") {
		return ErrAbsent
	}
	snap.PrincipalUser = &inventoryv1.PrincipalUser{
		Source:   &inventoryv1.PrincipalUserSource{Type: proto.String("LOGGED_IN_USER")},
		UniqueId: fact(name), PrincipalName: fact(name), DisplayName: fact(macRealName(h, name)),
	}
	return nil
}
