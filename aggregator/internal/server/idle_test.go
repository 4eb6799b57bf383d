// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// idleServer, as an environment variable, makes the test process a server whose memory is measured.
const idleServer = "ROLLCALL_TEST_IDLE_SERVER"

func TestMain(m *testing.M) {
	if pair := os.Getenv(idleServer); pair != "" {
		if err := serveIdle(strings.Split(pair, ",")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveIdle prints the two addresses, and its memory for every line that it reads.
func serveIdle(pair []string) error {
	listeners, err := Listen(context.Background(), "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", func(http.ResponseWriter, *http.Request) {})
	o := Options{
		Listeners: listeners, Mux: mux, Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
		Register: func(s *grpc.Server) { healthv1.RegisterHealthServer(s, health.NewServer()) },
	}
	if len(pair) == 2 {
		o.CertFile, o.KeyFile = pair[0], pair[1]
	}
	s, err := New(o)
	if err != nil {
		return err
	}
	go func() { _ = s.Run(context.Background()) }() // until the process ends
	fmt.Fprintln(os.Stdout, listeners.HTTP.Addr(), listeners.GRPC.Addr())
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		runtime.GC()
		debug.FreeOSMemory()
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			return err
		}
		var kib int
		_, after, _ := strings.Cut(string(status), "VmRSS:")
		if _, err := fmt.Sscan(after, &kib); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, kib)
	}
	return nil
}

// BenchmarkIdleConnection measures what one connection that has made a call and waits costs the server in memory.
func BenchmarkIdleConnection(b *testing.B) {
	const connections = 2000
	pair := newPair(b, "first")
	doors := []struct {
		name string
		tls  bool
		open func(*testing.B, string, string, *tls.Config) io.Closer
	}{
		{"grpc/plain", false, openNative},
		{"grpc/TLS", true, openNative},
		{"http1/plain", false, openHTTP(func(p *http.Protocols) { p.SetHTTP1(true) })},
		{"http1/TLS", true, openHTTP(func(p *http.Protocols) { p.SetHTTP1(true) })},
		{"http2/TLS", true, openHTTP(func(p *http.Protocols) { p.SetHTTP2(true) })},
	}
	for _, door := range doors {
		b.Run(door.name, func(b *testing.B) {
			cert, config := "plain", (*tls.Config)(nil)
			if door.tls {
				cert, config = pair.cert+","+pair.key, pair.trust(b)
			}
			for b.Loop() {
				server := newIdle(b, cert)
				before := server.memory()
				for range connections {
					defer door.open(b, server.http, server.grpc, config).Close()
				}
				b.ReportMetric(float64(server.memory()-before)/connections, "KiB/conn")
				server.end()
			}
		})
	}
}

// idle is a server in a process of its own.
type idle struct {
	b          *testing.B
	http, grpc string
	ask        io.WriteCloser
	answers    *bufio.Reader
	process    *exec.Cmd
}

func newIdle(b *testing.B, cert string) *idle {
	b.Helper()
	s := &idle{b: b, process: exec.Command(os.Args[0])}
	s.process.Env = append(os.Environ(), idleServer+"="+cert)
	var err error
	if s.ask, err = s.process.StdinPipe(); err != nil {
		b.Fatal(err)
	}
	out, err := s.process.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		b.Fatal(err)
	}
	s.answers = bufio.NewReader(out)
	if _, err := fmt.Fscanln(s.answers, &s.http, &s.grpc); err != nil {
		b.Fatal(err)
	}
	return s
}

// memory returns the resident set after a collection, in KiB.
func (s *idle) memory() int {
	s.b.Helper()
	fmt.Fprintln(s.ask)
	var kib int
	if _, err := fmt.Fscanln(s.answers, &kib); err != nil {
		s.b.Fatal(err)
	}
	return kib
}

func (s *idle) end() {
	_ = s.ask.Close()
	if err := s.process.Wait(); err != nil {
		s.b.Error(err)
	}
}

func openNative(b *testing.B, _, address string, config *tls.Config) io.Closer {
	with := insecure.NewCredentials()
	if config != nil {
		with = credentials.NewTLS(config)
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(with))
	if err != nil {
		b.Fatal(err)
	}
	if _, err := healthv1.NewHealthClient(conn).Check(b.Context(), &healthv1.HealthCheckRequest{}); err != nil {
		b.Fatal(err)
	}
	return conn
}

// idleClient closes what it keeps open.
type idleClient struct{ *http.Client }

// Close implements io.Closer.
func (c idleClient) Close() error { c.CloseIdleConnections(); return nil }

func openHTTP(protocols func(*http.Protocols)) func(*testing.B, string, string, *tls.Config) io.Closer {
	return func(b *testing.B, address, _ string, config *tls.Config) io.Closer {
		scheme := "http"
		if config != nil {
			scheme = "https"
			config = config.Clone()
		}
		c := idleClient{client(protocols, config)}
		resp, err := c.Get(scheme + "://" + address + "/hello")
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return c
	}
}
