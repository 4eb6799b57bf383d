// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
)

// certificate is a key pair in two files, read again when one of them changes. A pair that cannot be used leaves the
// last good one in place and is logged once. It is safe for concurrent use.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	seen    [2]fs.FileInfo // of what was read last, good or bad; nil: the file could not be found
	current *tls.Certificate
}

// openCertificate reads the pair for the first time.
func openCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	c.seen = c.look()
	pair, err := c.load()
	if err != nil {
		return nil, err
	}
	c.current = pair
	return c, nil
}

// config returns the TLS configuration of a listener that speaks these protocols. Sessions can be resumed, also after
// the certificate has changed: with keys of the listener's own, which crypto/tls draws and renews, or those of t.
func (c *certificate) config(t *tickets, protocols ...string) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: protocols}
	if t != nil {
		config.GetConfigForClient = t.renewed(config.Clone())
	}
	return config
}

// get is called for every handshake; two looks at the file system cost little beside it.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.look()
	if same(c.seen, now) {
		return c.current, nil
	}
	c.seen = now
	pair, err := c.load()
	if err != nil {
		c.log.Error("new TLS certificate not used, the old one stays", "err", err)
		return c.current, nil
	}
	c.current = pair
	c.log.Info("TLS certificate read again", "file", c.certFile, "not_after", pair.Leaf.NotAfter)
	return pair, nil
}

func (c *certificate) load() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return nil, fmt.Errorf("TLS certificate %s with key %s: %w", c.certFile, c.keyFile, err)
	}
	return &pair, nil
}

func (c *certificate) look() [2]fs.FileInfo {
	var infos [2]fs.FileInfo
	for i, file := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(file); err == nil {
			infos[i] = info
		}
	}
	return infos
}

// same reports whether both files are as they were: the same file, size and time of change.
func same(a, b [2]fs.FileInfo) bool {
	for i := range a {
		if a[i] == nil || b[i] == nil {
			if a[i] != b[i] {
				return false
			}
			continue
		}
		if !os.SameFile(a[i], b[i]) || a[i].Size() != b[i].Size() || !a[i].ModTime().Equal(b[i].ModTime()) {
			return false
		}
	}
	return true
}
