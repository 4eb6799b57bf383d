// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// balancer is one address for several servers: it deals connections out in turn, past those that take none.
type balancer struct {
	address string

	mu      sync.Mutex
	targets []string
	next    int
}

func newBalancer(t testing.TB) *balancer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	b := &balancer{address: listener.Addr().String()}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go b.pass(conn)
		}
	}()
	return b
}

// add makes the balancer send connections to one more server.
func (b *balancer) add(target string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.targets = append(b.targets, target)
}

// turn returns the servers in the order in which to try them.
func (b *balancer) turn() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.targets) == 0 {
		return nil
	}
	b.next = (b.next + 1) % len(b.targets)
	return append(append([]string{}, b.targets[b.next:]...), b.targets[:b.next]...)
}

func (b *balancer) pass(from net.Conn) {
	defer from.Close()
	for _, target := range b.turn() {
		to, err := net.DialTimeout("tcp", target, time.Second)
		if err != nil {
			continue
		}
		defer to.Close()
		go func() {
			defer from.Close()
			defer to.Close()
			_, _ = io.Copy(from, to) // either side may end it
		}()
		_, _ = io.Copy(to, from) // see above
		return
	}
}
