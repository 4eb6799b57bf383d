// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// The keychains, which are closed databases: the system's own program prints what is public in them.
const (
	systemKeychain = "Library/Keychains/System.keychain"
	rootKeychain   = "System/Library/Keychains/SystemRootCertificates.keychain"
)

func init() {
	if !onMac {
		return
	}
	mac := []string{"darwin"}
	register(Collector{Name: "certificates", On: mac, Collect: collectMacCertificates, Sources: []string{systemKeychain}})
	register(Collector{Name: "trusted_certificates", On: mac, Collect: collectMacRoots, Sources: []string{rootKeychain}})
}

// collectMacCertificates lists the certificates in the keychain of the machine. Certificate authorities that somebody
// added are among them, and marked as such.
//
// Source: security(1).
func collectMacCertificates(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	raw, err := h.Output(ctx, host.SystemCertificates)
	if err != nil {
		return absent(err)
	}
	snap.Certificates, err = pemCertificates(raw, "/"+systemKeychain)
	return partly(err)
}

// collectMacRoots lists the certificate authorities that came with the system.
//
// Source: security(1).
func collectMacRoots(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	raw, err := h.Output(ctx, host.RootCertificates)
	if err != nil {
		return absent(err)
	}
	snap.TrustedCertificates, err = pemCertificates(raw, "/"+rootKeychain)
	return partly(err)
}
