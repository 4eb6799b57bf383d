// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"
)

// maxURL bounds the address of a receiver, in bytes.
const maxURL = 2048

// CheckURL says why an address cannot be that of a receiver: https, or http to this machine only.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case len(address) > maxURL:
		return fmt.Errorf("longer than %d bytes", maxURL)
	case err != nil || u.Host == "" || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http"):
		return errors.New("not an address like https://receiver.example/hook")
	case u.User != nil:
		return errors.New("a name and a password have no place in it: requests are signed")
	case u.Fragment != "":
		return errors.New("a fragment is never sent")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return errors.New("plain http only to this machine")
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		return checkAddr(ip, u.Scheme == "http")
	}
	return nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// forbiddenError is why an address is never asked.
type forbiddenError struct {
	ip  netip.Addr
	why string
}

// Error implements error.
func (e *forbiddenError) Error() string { return fmt.Sprintf("%s is never asked: %s", e.ip, e.why) }

var (
	// metadata are services of clouds that tell machines about themselves, where no link-local address is used.
	metadata = []netip.Addr{netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("168.63.129.16")}
	nat64    = netip.MustParsePrefix("64:ff9b::/96")
)

// checkAddr refuses addresses that no receiver has: those of the link, where clouds tell machines their secrets, and for
// plain http all but this machine's own.
func checkAddr(ip netip.Addr, plain bool) error {
	ip = ip.Unmap().WithZone("")
	if nat64.Contains(ip) {
		raw := ip.As16()
		ip = netip.AddrFrom4([4]byte(raw[12:]))
	}
	switch {
	case ip.IsLinkLocalUnicast(), slices.Contains(metadata, ip):
		return &forbiddenError{ip, "it is link-local, or a metadata service"}
	case ip.IsMulticast(), ip.IsUnspecified(), ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return &forbiddenError{ip, "it is no machine's"}
	case plain && !ip.IsLoopback():
		return &forbiddenError{ip, "plain http only to this machine"}
	}
	return nil
}

// newClient returns a client that asks no forbidden address, whatever a name resolves to at the moment, and follows no
// redirect: where one leads nobody has approved.
func newClient(d *definition) *http.Client {
	u, err := url.Parse(d.sink.URL)
	plain := err == nil && u.Scheme == "http"
	dialer := &net.Dialer{
		Timeout: d.sink.Timeout, KeepAlive: 30 * time.Second,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return err
			}
			return checkAddr(at.Addr(), plain)
		},
	}
	return &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: d.roots},
			MaxIdleConnsPerHost: d.sink.Concurrency, IdleConnTimeout: 90 * time.Second,
			TLSHandshakeTimeout: d.sink.Timeout, MaxResponseHeaderBytes: maxAnswer,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
