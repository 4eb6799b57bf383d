// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
)

// defaultGRPCPort is the native listener's port where none was announced.
const defaultGRPCPort = "8481"

// ErrUsage says that the options are wrong: no attempt will ever succeed with them.
var ErrUsage = errors.New("wrong setting")

// parseServer reads the aggregator's URL and refuses plain HTTP that leaves this machine.
func parseServer(server string, plainHTTP bool) (*url.URL, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("%w: --server %q is not a URL such as https://inventory.example:8480", ErrUsage, server)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%w: --server may not hold user, query or fragment", ErrUsage)
	}
	if u.Scheme == "http" && !plainHTTP && !loopback(u.Hostname()) {
		return nil, fmt.Errorf("%w: plain HTTP to %s would send inventory and credential unprotected over the network: "+
			"use https:// or, knowing that, --insecure-plain-http", ErrUsage, u.Host)
	}
	return u, nil
}

// loopback tells whether a host name means this machine.
func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// nativeURL returns where native gRPC is: the announced host:port, an empty host being the server's, under the
// server's scheme. Plain HTTP obeys the same rule as the server's URL.
func nativeURL(server *url.URL, announced string, plainHTTP bool) (string, error) {
	host, port := "", defaultGRPCPort
	if announced != "" {
		var err error
		if host, port, err = net.SplitHostPort(announced); err != nil {
			return "", fmt.Errorf("%w: announced gRPC address %q: %w", ErrUsage, announced, err)
		}
	}
	if host == "" {
		host = server.Hostname()
	}
	native := server.Scheme + "://" + net.JoinHostPort(host, port)
	if _, err := parseServer(native, plainHTTP); err != nil {
		return "", err
	}
	return native, nil
}

// NativeURL returns where a client would look for native gRPC, as a URL.
func NativeURL(server, announced string, plainHTTP bool) (string, error) {
	u, err := parseServer(server, plainHTTP)
	if err != nil {
		return "", err
	}
	return nativeURL(u, announced, plainHTTP)
}

// tlsConfig trusts the certificates in caFile, or the system's when it is empty.
func tlsConfig(caFile string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile == "" {
		return config, nil
	}
	raw, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("%w: --ca-file: %w", ErrUsage, err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("%w: --ca-file %s holds no certificate in PEM form", ErrUsage, caFile)
	}
	return config, nil
}
