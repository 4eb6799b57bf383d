// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/rollcall-inventory/rollcall/agent/internal/upload"
)

// main takes the way to the main listener, then what is asked there.
func (p *patient) main(ctx context.Context, roots *x509.CertPool) {
	const broken = "no connection"
	rest := []string{"proxy", "tls", "http2", "http", "clock", "grpc", "authentication"}
	proxy, err := p.proxyOf(p.server)
	if err != nil {
		p.step(ctx, "proxy", func(_ context.Context, c *Check) {
			c.fail(upload.ErrUnreachable, err, "correct HTTPS_PROXY, HTTP_PROXY or NO_PROXY in the agent's environment")
		})
		return
	}
	first := p.server
	if proxy != nil {
		first = proxy
	}
	if !p.step(ctx, "dns", func(ctx context.Context, c *Check) { lookUp(ctx, c, first) }) {
		p.skip("no address", append([]string{"tcp"}, rest...)...)
		return
	}
	var conn net.Conn
	if !p.step(ctx, "tcp", func(ctx context.Context, c *Check) { conn = dial(ctx, c, first) }) {
		p.skip(broken, rest...)
		return
	}
	defer func() { _ = conn.Close() }() // nothing was written that matters
	if !p.step(ctx, "proxy", func(ctx context.Context, c *Check) { conn = through(ctx, c, conn, proxy, p.server) }) {
		p.skip(broken, rest[1:]...)
		return
	}
	var protocol string
	trusted := p.step(ctx, "tls", func(ctx context.Context, c *Check) { protocol = p.handshake(ctx, c, conn, roots) })
	p.step(ctx, "http2", func(_ context.Context, c *Check) { p.http2(c, protocol) })
	p.ask(ctx, roots, trusted)
}

// proxyOf returns the proxy for an address, nil for none.
func (p *patient) proxyOf(address *url.URL) (*url.URL, error) {
	return p.Proxy(&http.Request{URL: address})
}

// addressOf returns host and port, the port that of the scheme when there is none.
func addressOf(u *url.URL) (host, port string) {
	host, port = u.Hostname(), u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	if port == "" {
		port = "80"
	}
	return host, port
}

// lookUp resolves the name of the first hop.
func lookUp(ctx context.Context, c *Check, first *url.URL) {
	host, _ := addressOf(first)
	if _, err := netip.ParseAddr(host); err == nil {
		c.skipped("%s is an address", host)
		return
	}
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		c.fail(upload.ErrUnreachable, err, "check the name, /etc/resolv.conf and the name server")
		return
	}
	c.Detail = fmt.Sprintf("%s is %s", host, strings.Join(addresses, ", "))
}

// dial connects to the first hop.
func dial(ctx context.Context, c *Check, first *url.URL) net.Conn {
	host, port := addressOf(first)
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		advice := "check that the aggregator runs and listens there (--listen), and that no firewall is in between"
		if errors.Is(err, context.DeadlineExceeded) {
			advice = "nobody answered: a firewall drops the connection, or the address is wrong"
		}
		c.fail(upload.ErrUnreachable, err, advice)
		return nil
	}
	c.Detail = fmt.Sprintf("connected to %s", conn.RemoteAddr())
	return conn
}

// through has an HTTP proxy lead the connection on to the server.
func through(ctx context.Context, c *Check, conn net.Conn, proxy, server *url.URL) net.Conn {
	switch {
	case proxy == nil:
		c.skipped("none for this address (HTTPS_PROXY, HTTP_PROXY, NO_PROXY)")
		return conn
	case proxy.Scheme != "http":
		c.skipped("through %s, which is not looked into", proxy.Redacted())
		return conn
	case server.Scheme == "http":
		c.Detail = "through " + proxy.Redacted()
		return conn
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline) // a connection that takes none fails below
	}
	status, err := tunnel(conn, proxy, server)
	if err == nil && !strings.HasPrefix(status, "200") {
		err = fmt.Errorf("%s answered %s", proxy.Redacted(), status)
	}
	if err != nil {
		advice := "the proxy has to allow CONNECT to this host and port; or name the host in NO_PROXY"
		if strings.HasPrefix(status, "407") {
			advice = "the proxy wants a user and a password: http://user:password@host:port in HTTPS_PROXY"
		}
		c.fail(upload.ErrUnreachable, err, advice)
		return conn
	}
	c.Detail = "through " + proxy.Redacted()
	return conn
}

// tunnel asks for a connection and returns the proxy's status.
func tunnel(conn net.Conn, proxy, server *url.URL) (string, error) {
	host, port := addressOf(server)
	target := net.JoinHostPort(host, port)
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: target}, Host: target, Header: http.Header{}}
	if user := proxy.User; user != nil {
		password, _ := user.Password()
		request.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	if err := request.Write(conn); err != nil {
		return "", err
	}
	// In TLS the server speaks second, so that the reader takes nothing of what follows.
	response, err := http.ReadResponse(bufio.NewReader(conn), request) //nolint:bodyclose // an answer to CONNECT has none
	if err != nil {
		return "", err
	}
	return response.Status, nil
}

// http2 says which HTTP is spoken.
func (p *patient) http2(c *Check, protocol string) {
	switch {
	case p.server.Scheme == "http" || protocol == "":
		c.skipped("no TLS to agree on a version in")
	case protocol == "h2":
		c.Detail = "the server speaks HTTP/2"
	default:
		c.fail(nil, errors.New("only HTTP/1.1 is spoken: the server, or a proxy that ends TLS, offers no h2"),
			"the agent gets along: it uses Connect, which needs no HTTP/2")
		c.Harmless = p.Transport != "grpc"
	}
}

// handshake makes the connection a TLS one without trusting anything, so that the chain is seen in any case, and judges
// the chain afterwards. It returns the protocol agreed on, "" for none.
func (p *patient) handshake(ctx context.Context, c *Check, conn net.Conn, roots *x509.CertPool) string {
	if p.server.Scheme == "http" {
		c.skipped("plain HTTP, as the URL says")
		return ""
	}
	state, err := greet(ctx, conn, p.server.Hostname(), "h2", "http/1.1")
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &record):
		c.fail(upload.ErrUnreachable, errors.New("the server does not speak TLS there"), "does it want http://, or another port?")
		return ""
	case err != nil:
		c.fail(upload.ErrUnreachable, err, "something in between may end connections; the aggregator wants TLS 1.2 or later")
		return ""
	}
	c.judge(state, p.server.Hostname(), roots, p.CAFile)
	if state.NegotiatedProtocol == "" {
		return "http/1.1"
	}
	return state.NegotiatedProtocol
}

// greet shakes hands over a connection. Nobody is trusted by it, and nothing is to be sent through it.
func greet(ctx context.Context, conn net.Conn, name string, protocols ...string) (*tls.ConnectionState, error) {
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline) // a connection that takes none fails below
	}
	client := tls.Client(conn, &tls.Config{
		ServerName: name, NextProtos: protocols, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // the chain is to be shown whatever it is; judge verifies it
	})
	if err := client.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	state := client.ConnectionState()
	return &state, nil
}
