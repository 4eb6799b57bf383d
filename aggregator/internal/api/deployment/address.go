// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// address is where others reach the aggregator.
type address struct {
	url     string // configured; empty: as the request says
	trusted []netip.Prefix
}

// of returns the aggregator's URL without a final slash: the configured one, else what the client asked for. Behind a
// trusted proxy that is https where the proxy says so.
func (a address) of(r *http.Request) string {
	if a.url != "" {
		return strings.TrimRight(a.url, "/")
	}
	scheme := "http"
	if r.TLS != nil || a.forwarded(r) == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// forwarded returns what a trusted proxy says of the scheme, "" when nobody trusted says anything.
func (a address) forwarded(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	peer, err := netip.ParseAddr(host)
	if err != nil || !slices.ContainsFunc(a.trusted, func(p netip.Prefix) bool { return p.Contains(peer.Unmap().WithZone("")) }) {
		return ""
	}
	return strings.ToLower(r.Header.Get("X-Forwarded-Proto"))
}
