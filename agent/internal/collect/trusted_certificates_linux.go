// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	register(Collector{Name: "trusted_certificates", Collect: collectTrustedCertificates, Sources: trustBundles})
}

// trustBundles are the files that distributions keep all certificates in which programs trust; a machine has one store,
// and the first file that is there shows it.
//
// Source: update-ca-certificates(8), update-ca-trust(8).
var trustBundles = []string{
	"etc/ssl/certs/ca-certificates.crt",                // Debian, Alpine, Arch
	"etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL from 7
	"etc/pki/tls/certs/ca-bundle.crt",                  // RHEL
	"var/lib/ca-certificates/ca-bundle.pem",            // SUSE
	"etc/ssl/ca-bundle.pem",                            // SUSE
	"etc/ssl/cert.pem",                                 // Alpine
}

// trustFile bounds a bundle.
const trustFile = 8 << 20

// collectTrustedCertificates lists the certificate authorities of the system's trust store. Stores of single programs
// (browsers, Java) are not part of it.
func collectTrustedCertificates(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	for _, name := range trustBundles {
		raw, err := host.ReadFile(h.FS(), name, trustFile)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("trust store: %w", err)
		}
		rows, err := pemCertificates(raw, "/"+name)
		snap.TrustedCertificates = rows
		if err != nil {
			return partly(fmt.Errorf("/%s: %w", name, err))
		}
		return nil
	}
	return ErrAbsent
}
