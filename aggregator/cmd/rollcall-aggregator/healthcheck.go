// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
)

// healthcheck asks a running aggregator whether it is ready: exit 0, or 6 when it is not or cannot be reached.
func (p *program) healthcheck(ctx context.Context, c *config.Healthcheck) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if c.CAFile != "" {
		roots, err := readRoots(c.CAFile)
		if err != nil {
			return config.WithExit(config.ExitUsage, err)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	url := strings.TrimSuffix(c.URL, "/") + "/-/ready"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return config.WithExit(config.ExitUsage, err)
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return config.WithExit(config.ExitUnreachable, err)
	}
	defer resp.Body.Close()
	var answer struct{ Status, Detail any }
	body := io.LimitReader(resp.Body, 64<<10)
	if err := json.NewDecoder(body).Decode(&answer); err != nil {
		return config.WithExit(config.ExitUnreachable, fmt.Errorf("%s answers %s, not as an aggregator does: %w", url, resp.Status, err))
	}
	if resp.StatusCode != http.StatusOK {
		return config.WithExit(config.ExitUnreachable, fmt.Errorf("%s answers %s: %v", url, resp.Status, answer.Detail))
	}
	fmt.Fprintln(p.out, answer.Status)
	return nil
}

func readRoots(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--ca-file: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--ca-file %s: no certificate in it", file)
	}
	return roots, nil
}
