// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"strings"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	if !onWindows {
		return
	}
	register(Collector{Name: "certificates", On: []string{"windows"}, Essential: true, Collect: collectWindowsCertificates})
	register(Collector{Name: "trusted_certificates", On: []string{"windows"}, Essential: true, Collect: collectWindowsAnchors})
}

// certificateStore is one store of the registry: its key, and how certutil calls it.
type certificateStore struct{ key, name string }

const (
	keyStores  = `HKLM\SOFTWARE\Microsoft\SystemCertificates\`
	keyBlocked = keyStores + `Disallowed\Certificates`
)

// anchorStores hold what the machine trusts: put there by hand, by Windows Update, by the directory, by group policy.
var anchorStores = []certificateStore{
	{keyStores + `ROOT`, `LocalMachine\Root`},
	{keyStores + `AuthRoot`, `LocalMachine\AuthRoot`},
	{`HKLM\SOFTWARE\Microsoft\EnterpriseCertificates\Root`, `LocalMachine\Enterprise\Root`},
	{`HKLM\SOFTWARE\Policies\Microsoft\SystemCertificates\Root`, `LocalMachine\Policy\Root`},
}

// collectWindowsCertificates lists the certificates of the machine itself.
//
// Source: the store MY of the local machine in the registry.
func collectWindowsCertificates(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) (err error) {
	snap.Certificates, err = storedCertificates(h, nil, certificateStore{keyStores + `MY`, `LocalMachine\My`})
	return err
}

// collectWindowsAnchors lists the certificate authorities that the machine trusts, without those that it is told to
// distrust.
//
// Source: the stores of the local machine in the registry.
func collectWindowsAnchors(_ context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	r, err := registryOf(h)
	if err != nil {
		return err
	}
	names, err := r.keys(keyBlocked)
	if err != nil {
		return err
	}
	blocked := map[string]bool{}
	for _, thumbprint := range names {
		blocked[strings.ToLower(thumbprint)] = true
	}
	snap.TrustedCertificates, err = storedCertificates(h, blocked, anchorStores...)
	return err
}

// storedCertificates reads stores; a certificate that is in several is listed from the first.
func storedCertificates(h host.Host, blocked map[string]bool, stores ...certificateStore) ([]*inventoryv1.Certificate, error) {
	r, err := registryOf(h)
	if err != nil {
		return nil, err
	}
	var rows []*inventoryv1.Certificate
	var refused gap
	var broken []error
	seen := map[string]bool{}
	for _, store := range stores {
		err := r.each(store.key+`\Certificates`, &refused, func(thumbprint string, v regValues) error {
			der := serialisedCertificate(v["blob"].Data)
			if der == nil || blocked[strings.ToLower(thumbprint)] || len(rows) >= maxCertificates {
				return nil
			}
			c, err := certificate(der, store.name)
			if err != nil {
				broken = append(broken, err)
			} else if !seen[c.GetSha_256()] {
				seen[c.GetSha_256()] = true
				rows = append(rows, c)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if len(broken) > 0 {
		return rows, partly(append(broken, refused.err())...)
	}
	return rows, refused.err()
}
