// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// balancer is one address in front of several, as a load balancer that knows nothing of what it forwards.
type balancer struct {
	net.Listener
	backends []string
	next     atomic.Int64
	conns    sync.WaitGroup
}

func balance(t *testing.T, backends ...string) *balancer {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{Listener: l, backends: backends}
	b.conns.Go(b.run)
	t.Cleanup(func() { _ = l.Close(); b.conns.Wait() })
	return b
}

func (b *balancer) run() {
	for {
		client, err := b.Accept()
		if err != nil {
			return
		}
		b.conns.Go(func() { b.forward(client) })
	}
}

// forward connects a client to the first backend that answers, beginning with the next in turn.
func (b *balancer) forward(client net.Conn) {
	defer client.Close()
	first := int(b.next.Add(1))
	for i := range b.backends {
		backend, err := net.Dial("tcp", b.backends[(first+i)%len(b.backends)])
		if err != nil {
			continue
		}
		defer backend.Close()
		var group sync.WaitGroup
		for _, pair := range [][2]net.Conn{{client, backend}, {backend, client}} {
			group.Go(func() {
				_, _ = io.Copy(pair[1], pair[0]) // the end of either side ends both
				_ = pair[0].Close()
				_ = pair[1].Close()
			})
		}
		group.Wait()
		return
	}
}

// TestStoppingOneOfTwoLosesNoCall stops one of two aggregators behind one address while clients of all kinds call.
func TestStoppingOneOfTwoLosesNoCall(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})
	one, two := start(t, "", "", mux), start(t, "", "", mux)
	main := balance(t, one.listeners.HTTP.Addr().String(), two.listeners.HTTP.Addr().String())
	native := balance(t, one.listeners.GRPC.Addr().String(), two.listeners.GRPC.Addr().String())

	echo := func(protocols func(*http.Protocols)) func(int) error {
		c := client(protocols, nil)
		t.Cleanup(c.CloseIdleConnections)
		return func(n int) error {
			err := callEcho(c, "http://"+main.Addr().String()+"/echo", n)
			if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) { // closed in the moment of its next use: agents try once more
				err = callEcho(c, "http://"+main.Addr().String()+"/echo", n)
			}
			return err
		}
	}
	var clients []func(int) error
	for range 4 {
		conn, err := grpc.NewClient(native.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() }) // nobody waits for it
		clients = append(clients,
			func(int) error {
				_, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
				return err
			},
			echo(func(p *http.Protocols) { p.SetHTTP1(true) }),
			echo(func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }))
	}
	const calls = 300
	var group sync.WaitGroup
	var begun atomic.Int64
	half := make(chan struct{})
	for i, call := range clients {
		group.Go(func() {
			for n := range calls {
				if begun.Add(1) == calls*int64(len(clients))/2 {
					close(half)
				}
				if err := call(n); err != nil {
					t.Errorf("client %d, call %d: %v", i, n, err)
				}
			}
		})
	}
	<-half
	one.stop()
	group.Wait()
}

func callEcho(c *http.Client, url string, n int) error {
	text := fmt.Sprint(n)
	resp, err := c.Post(url, "text/plain", bytes.NewReader([]byte(text)))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if string(body) != text {
		return errors.New("got " + string(body))
	}
	return nil
}
