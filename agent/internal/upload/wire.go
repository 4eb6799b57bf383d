// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// traffic counts bytes on sockets, TLS and proxy talk included.
type traffic struct{ sent, received atomic.Int64 }

// countedConn is a connection whose bytes are counted.
type countedConn struct {
	net.Conn
	traffic *traffic
}

// Read implements net.Conn.
func (c countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.traffic.received.Add(int64(n))
	return n, err
}

// Write implements net.Conn.
func (c countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.traffic.sent.Add(int64(n))
	return n, err
}

// connectError says that no connection came about: nothing was sent to the aggregator.
type connectError struct {
	address string
	cause   error
}

// Error implements error.
func (e *connectError) Error() string { return fmt.Sprintf("connect to %s: %v", e.address, e.cause) }

// Unwrap returns the cause.
func (e *connectError) Unwrap() error { return e.cause }

// transportFor returns an HTTP transport of one lane. Native gRPC is HTTP/2 and nothing else, without TLS too.
func transportFor(native bool, config *tls.Config, dialTimeout time.Duration, t *traffic) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: time.Minute}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(native)
	protocols.SetHTTP1(!native)
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: 15 * time.Second,
		IdleConnTimeout:     15 * time.Minute, // above the usual interval, so that check-ins share a connection
		MaxIdleConns:        1,
		Protocols:           protocols,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, &connectError{address: address, cause: err}
			}
			return countedConn{Conn: conn, traffic: t}, nil
		},
		OnProxyConnectResponse: func(_ context.Context, proxy *url.URL, _ *http.Request, response *http.Response) error {
			if response.StatusCode == http.StatusOK {
				return nil
			}
			return &connectError{address: proxy.Host, cause: fmt.Errorf("proxy answered %s", response.Status)}
		},
	}
}

// caller is what every call of a client has in common: who calls.
type caller struct {
	http       *http.Client
	userAgent  string
	credential *atomic.Pointer[string]
}

// Do implements connect.HTTPClient. The request belongs to the call that made it.
func (c caller) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set("User-Agent", c.userAgent)
	if credential := c.credential.Load(); credential != nil && *credential != "" {
		r.Header.Set("Authorization", "Bearer "+*credential)
	}
	return c.http.Do(r)
}
