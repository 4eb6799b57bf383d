// SPDX-License-Identifier: Apache-2.0

package load

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1connect"
)

const (
	// compressFrom and maxAnswerBytes are the agent's.
	compressFrom   = 512
	maxAnswerBytes = 16 << 20
	dialTimeout    = 15 * time.Second
	// idleTimeout is above the usual interval, so that check-ins share a connection.
	idleTimeout = 15 * time.Minute
	// silence is how long a connection may say nothing before it is asked whether it lives; servers take it amiss when
	// that comes more often than every half minute.
	silence = 40 * time.Second
)

// traffic counts connections, and bytes on their sockets with TLS included.
type traffic struct {
	up, down, dials atomic.Int64
	open            atomic.Int64
}

// countedConn is a connection whose bytes are counted.
type countedConn struct {
	net.Conn
	traffic *traffic
	once    sync.Once
}

// Read implements net.Conn.
func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.traffic.down.Add(int64(n))
	return n, err
}

// Write implements net.Conn.
func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.traffic.up.Add(int64(n))
	return n, err
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	c.once.Do(func() { c.traffic.open.Add(-1) })
	return c.Conn.Close()
}

// pool is the connections that the machines share.
type pool struct {
	options  *Options
	scheme   string
	servers  []string // host:port of the main listeners
	tls      *tls.Config
	traffic  traffic
	lanes    []*lane
	sessions sessions
	gzip     connect.ClientOption // one for all lanes, which then share its buffers: a compressor has a megabyte
}

// lane is one connection, opened when it is first used and again when it broke.
type lane struct {
	name      string // grpc or connect
	transport *http.Transport
	service   syncv1connect.SyncServiceClient
}

func newPool(o *Options) (*pool, error) {
	p := &pool{options: o, gzip: connect.WithAcceptCompression("gzip",
		func() connect.Decompressor { return &gzip.Reader{} },
		func() connect.Compressor { return gzip.NewWriter(io.Discard) },
	)}
	for _, server := range o.Servers {
		u, err := url.Parse(server)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return nil, fmt.Errorf("server %q is not a URL such as http://127.0.0.1:8480", server)
		}
		if p.scheme != "" && p.scheme != u.Scheme {
			return nil, errors.New("some servers speak TLS and some do not")
		}
		p.scheme = u.Scheme
		p.servers = append(p.servers, u.Host)
	}
	if len(p.servers) == 0 {
		return nil, errors.New("no server is named")
	}
	switch o.Transport {
	case "", "grpc", "mixed":
		if len(o.GRPC) == 0 {
			return nil, errors.New("no native gRPC address is named")
		}
	case "connect":
	default:
		return nil, fmt.Errorf("transport %q is none of grpc, connect, mixed", o.Transport)
	}
	if o.Addresses > 1<<16 {
		return nil, fmt.Errorf("%d addresses: at most %d", o.Addresses, 1<<16)
	}
	var err error
	if p.tls, err = tlsConfig(o.CAFile); err != nil {
		return nil, err
	}
	for i := range o.Connections {
		p.lanes = append(p.lanes, p.open(i))
	}
	return p, nil
}

// tlsConfig trusts the certificates in caFile, or the system's when it is empty.
func tlsConfig(caFile string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile == "" {
		return config, nil
	}
	raw, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", caFile)
	}
	return config, nil
}

// lane returns the connection that a machine uses.
func (p *pool) lane(index int) *lane { return p.lanes[index%len(p.lanes)] }

func (p *pool) close() {
	for _, l := range p.lanes {
		l.transport.CloseIdleConnections()
	}
}

// open prepares a connection of its own. Lanes take turns in the address that they prefer and, with transport mixed, in
// how they speak.
func (p *pool) open(turn int) *lane {
	native, addresses := true, p.options.GRPC
	if p.options.Transport == "connect" || p.options.Transport == "mixed" && turn%2 == 1 {
		native, addresses = false, p.servers
	}
	first := turn % len(addresses)
	if p.options.Transport == "mixed" {
		first = turn / 2 % len(addresses)
	}
	config := p.tls.Clone()
	if p.options.Resume {
		config.ClientSessionCache = &p.sessions
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true) // of the main listener too: machines share the connection
	l := &lane{name: "connect", transport: &http.Transport{
		TLSClientConfig:     config,
		TLSHandshakeTimeout: dialTimeout,
		IdleConnTimeout:     idleTimeout,
		MaxConnsPerHost:     1,
		Protocols:           protocols,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: silence, PingTimeout: dialTimeout},
		DialContext:         p.dialer(addresses, first, p.source(turn)),
	}}
	options := []connect.ClientOption{
		p.gzip, connect.WithSendGzip(), connect.WithCompressMinBytes(compressFrom), connect.WithReadMaxBytes(maxAnswerBytes),
	}
	if native {
		l.name = "grpc"
		options = append(options, connect.WithGRPC())
	}
	l.service = syncv1connect.NewSyncServiceClient(caller{l.transport}, p.scheme+"://"+addresses[first], options...)
	return l
}

// dialer connects to the first address that takes the call, beginning with the lane's own, so that the machines of a
// dead aggregator go to another. With TLS all must have a certificate for the lane's own name.
func (p *pool) dialer(addresses []string, first int, source net.Addr) func(context.Context, string, string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: time.Minute, LocalAddr: source}
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		var failed error
		for i := range addresses {
			conn, err := dialer.DialContext(ctx, network, addresses[(first+i)%len(addresses)])
			if err == nil {
				p.traffic.dials.Add(1)
				p.traffic.open.Add(1)
				return &countedConn{Conn: conn, traffic: &p.traffic}, nil
			}
			failed = err
		}
		return nil, failed
	}
}

// source returns the address that a lane calls from, nil for whichever the system takes. A machine's stays the same
// when it opens a connection of its own.
func (p *pool) source(turn int) net.Addr {
	if p.options.Addresses < 2 {
		return nil
	}
	n := turn % p.options.Connections % p.options.Addresses
	return &net.TCPAddr{IP: net.IPv4(127, 1, byte(n>>8), byte(n&0xff))}
}

type credentialKey struct{}

// withCredential makes the calls below ctx a machine's own.
func withCredential(ctx context.Context, credential string) context.Context {
	return context.WithValue(ctx, credentialKey{}, credential)
}

// caller sends requests with the credential of their context.
type caller struct{ transport *http.Transport }

// Do implements connect.HTTPClient. The request belongs to the call that made it.
func (c caller) Do(request *http.Request) (*http.Response, error) {
	request.Header.Set("User-Agent", "rollcall-fleetsim")
	if credential, _ := request.Context().Value(credentialKey{}).(string); credential != "" {
		request.Header.Set("Authorization", "Bearer "+credential)
	}
	return c.transport.RoundTrip(request)
}
