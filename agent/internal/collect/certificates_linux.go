// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() { register(Collector{Name: "certificates", CollectFiles: collectCertificates}) }

// certificateFolders are where machines keep certificates of their own; names with a star stand for all that match. What
// is below them is not looked at. Keys have folders of their own, which are not in the list.
var certificateFolders = []string{
	"etc/ssl", "etc/ssl/certs", "etc/pki/tls", "etc/pki/tls/certs", "etc/pki/consumer", "etc/pki/entitlement", "usr/local/etc/ssl",
	"etc/letsencrypt/live/*",
	"etc/nginx", "etc/nginx/ssl", "etc/nginx/certs", "etc/apache2", "etc/apache2/ssl", "etc/httpd/ssl", "etc/httpd/conf/ssl",
	"etc/haproxy", "etc/haproxy/certs", "etc/haproxy/ssl", "etc/stunnel", "etc/traefik",
	"etc/postfix", "etc/postfix/ssl", "etc/dovecot", "etc/dovecot/ssl", "etc/exim4", "etc/ldap", "etc/ldap/ssl", "etc/openldap/certs",
	"etc/postgresql", "etc/mysql", "etc/mysql/ssl", "etc/rabbitmq", "etc/rabbitmq/ssl", "etc/elasticsearch/certs", "etc/grafana",
	"etc/gitlab/ssl", "etc/puppetlabs/puppet/ssl/certs", "etc/cockpit/ws-certs.d", "etc/docker", "etc/docker/certs",
	"etc/kubernetes/pki", "etc/kubernetes/pki/etcd", "var/lib/kubelet/pki",
	"etc/ipsec.d/certs", "etc/swanctl/x509", "etc/openvpn", "etc/openvpn/server", "etc/openvpn/client", "etc/wpa_supplicant",
}

// mixedFolders hold the trust store too, which is made of links and of the bundles: only other plain files count.
var mixedFolders = []string{"etc/ssl", "etc/ssl/certs", "etc/pki/tls", "etc/pki/tls/certs"}

// Limits of what is looked at.
const (
	maxCertificateFolders = 500 // that one star stands for
	maxCertificateFiles   = 500 // of one folder
	// ownCertificates is how many certificates a file of the machine holds at most; more are a list of authorities.
	ownCertificates = 20
)

// collectCertificates lists the certificates in files of the machine. Of Let's Encrypt's folders, where each certificate
// stands in two files, it takes the one that is alone.
func collectCertificates(ctx context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
	var denied gap
	var troubles []error
	for _, folder := range certificateFolders {
		if err := ctx.Err(); err != nil {
			return err
		}
		names, err := certificateFiles(h, folder, &denied)
		if err != nil {
			troubles = append(troubles, err)
		}
		for _, name := range names {
			rows, err := remember(files, h, name, func() ([]*inventoryv1.Certificate, error) { return certificatesOf(h, name) })
			if err = denied.allow(name, err); err != nil {
				troubles = append(troubles, err)
			}
			snap.Certificates = append(snap.Certificates, rows...)
		}
	}
	if err := denied.with(troubles); err != nil {
		return err
	}
	if len(snap.Certificates) == 0 {
		return ErrAbsent
	}
	return nil
}

// certificateFiles returns the files of a folder that may hold certificates, by their names.
func certificateFiles(h host.Host, folder string, denied *gap) ([]string, error) {
	if parent, found := strings.CutSuffix(folder, "/*"); found {
		return starFiles(h, parent, denied)
	}
	entries, err := fs.ReadDir(h.FS(), folder)
	if err != nil {
		return nil, denied.allow(folder, err)
	}
	mixed := slices.Contains(mixedFolders, folder)
	if _, err := fs.ReadLink(h.FS(), folder); err == nil && mixed {
		return nil, nil // SUSE: all of it is the trust store
	}
	var names []string
	for _, e := range entries {
		name := folder + "/" + e.Name()
		if e.IsDir() || !certificateName(e.Name()) || mixed && (!e.Type().IsRegular() || slices.Contains(trustBundles, name)) {
			continue
		}
		if len(names) == maxCertificateFiles {
			return names, fmt.Errorf("/%s: more than %d files", folder, maxCertificateFiles)
		}
		names = append(names, name)
	}
	return names, nil
}

// starFiles returns cert.pem of every folder below parent.
func starFiles(h host.Host, parent string, denied *gap) ([]string, error) {
	entries, err := fs.ReadDir(h.FS(), parent)
	if err != nil {
		return nil, denied.allow(parent, err)
	}
	var names []string
	for _, e := range entries[:min(len(entries), maxCertificateFolders)] {
		if name := parent + "/" + e.Name() + "/cert.pem"; e.IsDir() && exists(h, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// certificateName tells whether a file of this name may hold a certificate; what says that it is a key, such as
// server-key.pem or privkey1.pem, is not opened.
func certificateName(name string) bool {
	lower := strings.ToLower(name)
	words := strings.FieldsFunc(lower, func(r rune) bool { return strings.ContainsRune("-_. ", r) })
	if slices.ContainsFunc(words, func(w string) bool {
		return w == "private" || strings.HasSuffix(strings.TrimRight(w, "0123456789"), "key")
	}) {
		return false
	}
	switch path.Ext(lower) {
	case ".pem", ".crt", ".cer", ".cert", ".der":
		return true
	}
	return false
}

// certificatesOf reads one file, as PEM or else as DER. A file without a certificate is none of ours and no trouble.
func certificatesOf(h host.Host, name string) ([]*inventoryv1.Certificate, error) {
	raw, err := host.ReadFile(h.FS(), name, smallFile)
	if err != nil {
		return nil, err
	}
	if !bytes.Contains(raw, []byte("-----BEGIN")) {
		row, err := certificate(raw, "/"+name)
		if err != nil {
			return nil, nil //nolint:nilerr // no certificate
		}
		return []*inventoryv1.Certificate{row}, nil
	}
	rows, err := pemCertificates(raw, "/"+name)
	if len(rows) > ownCertificates {
		return nil, nil
	}
	return rows, err
}
