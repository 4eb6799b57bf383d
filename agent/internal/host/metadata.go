// SPDX-License-Identifier: Apache-2.0

package host

import (
	"net"
	"net/http"
	"time"
)

// Metadata implements Host. Proxies are passed by: the service answers the machine itself only.
func (m *Machine) Metadata() http.RoundTripper {
	return &http.Transport{
		Proxy:                 nil,
		DialContext:           (&net.Dialer{Timeout: time.Second}).DialContext,
		DisableKeepAlives:     true,
		ResponseHeaderTimeout: time.Second,
		ForceAttemptHTTP2:     false,
	}
}
