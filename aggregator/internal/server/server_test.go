// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
)

// running is a server on free ports of loopback.
type running struct {
	*Server
	log     *logBuffer
	metrics *prometheus.Registry
	stop    context.CancelFunc
	done    chan error
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func start(t *testing.T, certFile, keyFile string, mux *http.ServeMux) *running {
	t.Helper()
	return startWith(t, Options{CertFile: certFile, KeyFile: keyFile, Mux: mux})
}

// startWith fills in what the options leave open.
func startWith(t testing.TB, o Options) *running {
	t.Helper()
	listeners, err := Listen(t.Context(), "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &running{log: &logBuffer{}, metrics: prometheus.NewRegistry(), done: make(chan error, 1)}
	o.Listeners, o.Metrics = listeners, r.metrics
	o.Register = func(s *grpc.Server) { healthv1.RegisterHealthServer(s, health.NewServer()) }
	o.Log = slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r.Server, err = New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() { r.done <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-r.done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return r
}

func (r *running) url(scheme, path string) string {
	return scheme + "://" + r.listeners.HTTP.Addr().String() + path
}

func hello(t *testing.T) *http.ServeMux {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) })
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("a bug") })
	return mux
}

func client(protocols func(*http.Protocols), config *tls.Config) *http.Client {
	transport := &http.Transport{Protocols: new(http.Protocols), TLSClientConfig: config, DisableKeepAlives: false}
	protocols(transport.Protocols)
	return &http.Client{Transport: transport}
}

func get(t *testing.T, c *http.Client, url string) (status int, text string) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestPlainListenerSpeaksBothVersions(t *testing.T) {
	t.Parallel()
	r := start(t, "", "", hello(t))
	tests := []struct {
		want      string
		protocols func(*http.Protocols)
	}{
		{"HTTP/1.1", func(p *http.Protocols) { p.SetHTTP1(true) }},
		{"HTTP/2.0", func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }},
	}
	for _, tt := range tests {
		c := client(tt.protocols, nil)
		if _, got := get(t, c, r.url("http", "/hello")); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
		c.CloseIdleConnections()
	}
}

func TestTLSListenerSpeaksBothVersions(t *testing.T) {
	t.Parallel()
	pair := newPair(t, "first")
	r := start(t, pair.cert, pair.key, hello(t))
	for _, tt := range []struct {
		want      string
		protocols func(*http.Protocols)
	}{
		{"HTTP/1.1", func(p *http.Protocols) { p.SetHTTP1(true) }},
		{"HTTP/2.0", func(p *http.Protocols) { p.SetHTTP2(true) }},
	} {
		c := client(tt.protocols, pair.trust(t))
		if _, got := get(t, c, r.url("https", "/hello")); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
		c.CloseIdleConnections()
	}
	// Plain HTTP on a TLS port gets an answer that says so.
	status, body := get(t, client(func(p *http.Protocols) { p.SetHTTP1(true) }, nil), r.url("http", "/hello"))
	if status != http.StatusBadRequest || !strings.Contains(body, "HTTP request to an HTTPS server") {
		t.Errorf("got %d %q", status, body)
	}
}

func TestCertificateIsReadAgain(t *testing.T) {
	t.Parallel()
	pair := newPair(t, "first")
	r := start(t, pair.cert, pair.key, hello(t))
	subject := func() string {
		t.Helper()
		conn, err := tls.Dial("tcp", r.listeners.HTTP.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if got := subject(); got != "first" {
		t.Fatalf("got %s", got)
	}
	pair.replace(t, newPair(t, "second"))
	if got := subject(); got != "second" {
		t.Errorf("after the files changed: got %s", got)
	}
	if err := os.WriteFile(pair.cert, []byte("not a certificate, and long enough to differ"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got := subject(); got != "second" {
			t.Errorf("with a bad file: got %s", got)
		}
	}
	if n := strings.Count(r.log.String(), "new TLS certificate not used"); n != 1 {
		t.Errorf("logged %d times, want once: %s", n, r.log)
	}
	if err := os.Remove(pair.cert); err != nil {
		t.Fatal(err)
	}
	if got := subject(); got != "second" {
		t.Errorf("without the file: got %s", got)
	}
	pair.replace(t, newPair(t, "third"))
	if got := subject(); got != "third" {
		t.Errorf("after it was mended: got %s", got)
	}
}

func TestBadCertificateIsRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	listeners, err := Listen(t.Context(), "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(Options{
		Listeners: listeners, CertFile: "/nowhere.crt", KeyFile: "/nowhere.key", Mux: http.NewServeMux(),
		Register: func(*grpc.Server) {}, Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
	})
	if err == nil || !strings.Contains(err.Error(), "/nowhere.crt") {
		t.Errorf("got %v", err)
	}
	if conn, err := net.Dial("tcp", listeners.HTTP.Addr().String()); err == nil {
		_ = conn.Close()
		t.Error("the listener is still open")
	}
}

func TestPortInUseIsNamed(t *testing.T) {
	t.Parallel()
	first, err := Listen(t.Context(), "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer first.HTTP.Close()
	defer first.GRPC.Close()
	taken := first.HTTP.Addr().String()
	if _, err := Listen(t.Context(), taken, "127.0.0.1:0"); err == nil || !strings.Contains(err.Error(), "--listen "+taken) {
		t.Errorf("got %v", err)
	}
	if _, err := Listen(t.Context(), "127.0.0.1:0", taken); err == nil || !strings.Contains(err.Error(), "--grpc-listen "+taken) {
		t.Errorf("got %v", err)
	}
}

func TestNativeGRPC(t *testing.T) {
	t.Parallel()
	pair := newPair(t, "first")
	tests := []struct {
		name      string
		cert, key string
		with      credentials.TransportCredentials
	}{
		{"plain", "", "", insecure.NewCredentials()},
		{"TLS", pair.cert, pair.key, credentials.NewTLS(pair.trust(t))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, tt.cert, tt.key, http.NewServeMux())
			conn, err := grpc.NewClient(r.listeners.GRPC.Addr().String(), grpc.WithTransportCredentials(tt.with))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{}); err != nil {
				t.Error(err)
			}
			stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ask := &reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}
			if err := stream.Send(ask); err != nil {
				t.Fatal(err)
			}
			if got, err := stream.Recv(); err != nil || !strings.Contains(got.String(), "grpc.health.v1.Health") {
				t.Errorf("reflection: got %v, %v", got, err)
			}
		})
	}
}

func TestPanicIsAnsweredAndCounted(t *testing.T) {
	t.Parallel()
	r := start(t, "", "", hello(t))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url("http", "/panic"), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Request-Id", "mine-1")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusInternalServerError || !strings.Contains(string(body), `"request_id":"mine-1"`) || strings.Contains(string(body), "a bug") {
		t.Errorf("got %d %s, %v", resp.StatusCode, body, err)
	}
	if !strings.Contains(r.log.String(), "a bug") {
		t.Error("the panic is not in the log")
	}
	want := `
# HELP rollcall_http_requests_total HTTP requests answered, by route and status.
# TYPE rollcall_http_requests_total counter
rollcall_http_requests_total{code="500",method="GET",route="GET /panic"} 1
`
	if err := testutil.GatherAndCompare(r.metrics, strings.NewReader(want), "rollcall_http_requests_total"); err != nil {
		t.Error(err)
	}
}

func TestOddRequestIDsAreReplaced(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "a b", "<script>", "x\ny", strings.Repeat("x", maxRequestID+1)} {
		r := &http.Request{Header: http.Header{"X-Request-Id": {id}}}
		if got := requestID(r); got == id || got == "" {
			t.Errorf("%q stays %q", id, got)
		}
	}
}

// TestShutdownLetsAnswersFinish stops the server while an answer is under way.
func TestShutdownLetsAnswersFinish(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		_, _ = io.WriteString(w, "whole")
	})
	r := start(t, "", "", mux)
	got := make(chan string, 1)
	go func() {
		resp, err := http.Get(r.url("http", "/slow"))
		if err != nil {
			got <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		got <- string(body)
	}()
	<-entered
	r.stop()
	for { // the listener closes at once
		conn, err := net.DialTimeout("tcp", r.listeners.HTTP.Addr().String(), time.Second)
		if err != nil {
			break
		}
		_ = conn.Close()
	}
	close(leave)
	if body := <-got; body != "whole" {
		t.Errorf("got %q", body)
	}
}
