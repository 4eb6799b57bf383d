// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestOnlyTrustedProxiesSayWhoCalls(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	tests := []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"direct", "203.0.113.9:5000", nil, "203.0.113.9"},
		{"a stranger's word", "203.0.113.9:5000", []string{"192.0.2.1"}, "203.0.113.9"},
		{"a proxy's word", "10.1.2.3:5000", []string{"192.0.2.1"}, "192.0.2.1"},
		{"a proxy without a word", "10.1.2.3:5000", nil, "10.1.2.3"},
		{"the caller's claim comes first", "10.1.2.3:5000", []string{"8.8.8.8, 192.0.2.1"}, "192.0.2.1"},
		{"two proxies, two lines", "10.1.2.3:5000", []string{"192.0.2.1", "10.9.9.9"}, "192.0.2.1"},
		{"all are proxies", "10.1.2.3:5000", []string{"10.4.4.4"}, "10.4.4.4"},
		{"with ports and brackets", "[fd00::1]:5000", []string{"[2001:db8::7]:4711"}, "2001:db8::7"},
		{"IPv4 inside IPv6", "[::ffff:10.1.2.3]:5000", []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		{"nonsense", "10.1.2.3:5000", []string{"192.0.2.1, unknown"}, "10.1.2.3"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address, proxied := origin(test.peer, http.Header{"X-Forwarded-For": test.forwarded}, trusted)
			if got := ipOf(address); got != test.want || proxied != (test.forwarded != nil) {
				t.Errorf("got %s, forwarded %v, want %s", got, proxied, test.want)
			}
		})
	}
}
