// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"net"
	"sync"
	"testing"
)

// direction is one way of a connection.
type direction int

const (
	request direction = iota // towards the target
	answer
)

// proxy passes TCP connections on, counts their bytes, and cuts them when it is told to.
type proxy struct {
	name    string
	address string

	mu     sync.Mutex
	target string
	bytes  [2]int64
	watch  [2]func(chunk []byte) (cut bool) // sees every chunk before it is passed on, one at a time
}

func newProxy(t testing.TB) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	p := &proxy{address: listener.Addr().String()}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.pass(conn)
		}
	}()
	return p
}

// to sets where connections go from now on.
func (p *proxy) to(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// on sets who sees what goes one way; nil for nobody.
func (p *proxy) on(d direction, watch func([]byte) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watch[d] = watch
}

// take returns the bytes counted since it was called last.
func (p *proxy) take() (sent, received int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	sent, received = p.bytes[request], p.bytes[answer]
	p.bytes = [2]int64{}
	return sent, received
}

func (p *proxy) pass(from net.Conn) {
	defer from.Close()
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	to, err := net.Dial("tcp", target)
	if err != nil {
		return // the agent finds its connection closed
	}
	defer to.Close()
	go func() {
		defer from.Close()
		defer to.Close()
		p.copy(answer, from, to)
	}()
	p.copy(request, to, from)
}

// copy passes on until either side ends or the connection is cut.
func (p *proxy) copy(d direction, to, from net.Conn) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if p.see(d, buf[:n]) {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// see counts a chunk and tells whether to cut the connection instead of passing it on.
func (p *proxy) see(d direction, chunk []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bytes[d] += int64(len(chunk))
	return p.watch[d] != nil && p.watch[d](chunk)
}
