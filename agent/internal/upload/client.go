// SPDX-License-Identifier: Apache-2.0

// Package upload speaks to the aggregator: it checks in, finds out what the aggregator lacks, and pushes exactly that.
//
// It does not collect and does not know when: schedule calls it. It executes nothing that it is told.
package upload

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	"github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1/syncv1connect"
)

const (
	// compressFrom is the size of a message from which compressing pays.
	compressFrom = 512
	// maxAnswerBytes bounds what the agent reads of an answer.
	maxAnswerBytes = 16 << 20
	// nativeDialTimeout is short: while native gRPC is only tried, the other way is waiting.
	nativeDialTimeout = 5 * time.Second
	dialTimeout       = 15 * time.Second
	// cachedSessions is how many TLS sessions a lane keeps to resume: one for each name that its address may have.
	cachedSessions = 4
	// retryNative is how long a client that fell back waits before it tries native gRPC again; it doubles each time.
	retryNative    = 10 * time.Minute
	maxRetryNative = 4 * time.Hour
)

// Options say where the aggregator is and how to speak to it.
type Options struct {
	Server      string // URL of the main listener
	GRPCAddress string // host:port that the aggregator announced; empty before enrolment
	Transport   string // auto, grpc or connect; empty is auto
	CAFile      string // PEM file of trusted authorities; empty trusts the system's
	PlainHTTP   bool   // plain HTTP off loopback is wanted
	Credential  string // machine credential; empty before enrolment
	Version     string // of the agent program
	Log         *slog.Logger
}

// Client calls the aggregator over native gRPC or Connect. It is not safe for concurrent use.
type Client struct {
	options    Options
	server     *url.URL
	credential atomic.Pointer[string]
	traffic    traffic
	main       *lane
	native     *lane // nil: Connect only
	calls      []Call

	fallback    string // why native gRPC is not in use, empty when it is
	retryAt     time.Time
	retryPause  time.Duration
	currentTime func() time.Time
}

// lane is one way to the aggregator.
type lane struct {
	name    string
	address string
	http    *http.Client
	service syncv1connect.SyncServiceClient
}

// New returns a client. It reads the CA file and makes no connection; ErrUsage says that the options cannot work.
func New(o Options) (*Client, error) {
	server, err := parseServer(o.Server, o.PlainHTTP)
	if err != nil {
		return nil, err
	}
	c := &Client{options: o, server: server, currentTime: time.Now}
	c.credential.Store(&o.Credential)
	switch o.Transport {
	case "", "auto", "grpc", "connect":
	default:
		return nil, fmt.Errorf("%w: --transport %q is none of auto, grpc, connect", ErrUsage, o.Transport)
	}
	if c.main, err = c.lane("connect", o.Server, dialTimeout); err != nil {
		return nil, err
	}
	return c, c.SetGRPCAddress(o.GRPCAddress)
}

// SetGRPCAddress takes the native address that the aggregator announced. Before enrolment there is none, and Connect
// serves unless the transport is grpc, which then means the server's host and the usual port.
func (c *Client) SetGRPCAddress(announced string) error {
	if c.native != nil {
		c.native.http.CloseIdleConnections()
	}
	c.options.GRPCAddress = announced
	c.native, c.fallback, c.retryPause = nil, "", 0
	if c.options.Transport == "connect" || (announced == "" && c.options.Transport != "grpc") {
		return nil
	}
	address, err := nativeURL(c.server, announced, c.options.PlainHTTP)
	if err != nil {
		return err
	}
	timeout := nativeDialTimeout
	if c.options.Transport == "grpc" {
		timeout = dialTimeout
	}
	c.native, err = c.lane("grpc", address, timeout, connect.WithGRPC())
	return err
}

// SetCredential makes later calls carry another credential.
func (c *Client) SetCredential(credential string) { c.credential.Store(&credential) }

// Bytes returns what went over the sockets so far, each way.
func (c *Client) Bytes() (sent, received int64) {
	return c.traffic.sent.Load(), c.traffic.received.Load()
}

// Transport says how the last call went: `grpc`, `connect`, or `connect (fallback: reason)`.
func (c *Client) Transport() string {
	switch {
	case c.native == nil:
		return "connect"
	case c.fallback != "":
		return "connect (fallback: " + c.fallback + ")"
	default:
		return "grpc"
	}
}

// Close drops idle connections.
func (c *Client) Close() {
	c.main.http.CloseIdleConnections()
	if c.native != nil {
		c.native.http.CloseIdleConnections()
	}
}

// lane prepares one way to the aggregator.
func (c *Client) lane(name, address string, timeout time.Duration, more ...connect.ClientOption) (*lane, error) {
	config, err := tlsConfig(c.options.CAFile)
	if err != nil {
		return nil, err
	}
	config.ClientSessionCache = tls.NewLRUClientSessionCache(cachedSessions)
	client := &http.Client{
		Transport: transportFor(name == "grpc", config, timeout, &c.traffic),
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a credential goes to the configured server and nowhere else
		},
	}
	options := append([]connect.ClientOption{
		connect.WithSendGzip(),
		connect.WithCompressMinBytes(compressFrom),
		connect.WithReadMaxBytes(maxAnswerBytes),
	}, more...)
	who := caller{http: client, userAgent: "rollcall-agent/" + c.options.Version, credential: &c.credential}
	return &lane{
		name:    name,
		address: address,
		http:    client,
		service: syncv1connect.NewSyncServiceClient(who, address, options...),
	}, nil
}
