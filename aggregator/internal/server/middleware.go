// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
)

// maxRequestID bounds a client's own request id, in bytes.
const maxRequestID = 64

// handler is what every request goes through before and after the doors: request id, recover, log, metrics.
// Authentication, the limits of bodies and the deadlines of streams belong to the routes.
type handler struct {
	doors   http.Handler
	metrics *httpMetrics
	log     *slog.Logger
}

func newHandler(o Options) *handler {
	return &handler{doors: o.Mux, metrics: newHTTPMetrics(o.Metrics), log: o.Log}
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin := time.Now()
	id := requestID(r)
	w.Header().Set("X-Request-Id", id)
	retire(w, r)
	r = r.WithContext(api.WithRequestID(r.Context(), id))
	writer := &observedWriter{ResponseWriter: w}
	defer func() { h.metrics.observe(h.log, r, writer, time.Since(begin)) }()
	defer h.recover(writer, r)
	h.doors.ServeHTTP(writer, r) // the mux notes the pattern in r
}

// recover answers 500 for a door that panics, and leaves the program running.
func (h *handler) recover(w *observedWriter, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p != http.ErrAbortHandler { //nolint:errorlint // it is the value that was thrown
		h.log.Error("panic in a request", "method", r.Method, "path", r.URL.Path, "request_id", api.RequestID(r.Context()),
			"panic", p, "stack", string(debug.Stack()))
		if w.status == 0 {
			api.Refuse(http.StatusInternalServerError, "Something went wrong here. The log of the aggregator has more under the request id.").Write(w, r)
			return
		}
	}
	panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's way to show that the answer is incomplete
}

// requestID is the client's name for the request when that is a plain one, else one of ours.
func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); plainID(id) {
		return id
	}
	return rand.Text()
}

func plainID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// httpMetrics count requests by the pattern of their route, so that no client can make labels.
type httpMetrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	bytes    *prometheus.CounterVec
}

func newHTTPMetrics(r prometheus.Registerer) *httpMetrics {
	m := &httpMetrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_http_requests_total", Help: "HTTP requests answered, by route and status.",
		}, []string{"route", "method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rollcall_http_request_duration_seconds", Help: "How long HTTP requests took, by route.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 10),
		}, []string{"route"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_http_response_bytes_total", Help: "Bytes of HTTP answers, without headers, by route.",
		}, []string{"route"}),
	}
	r.MustRegister(m.requests, m.duration, m.bytes)
	return m
}

func (m *httpMetrics) observe(log *slog.Logger, r *http.Request, w *observedWriter, took time.Duration) {
	route := r.Pattern
	if route == "" {
		route = "unknown"
	}
	status := w.status
	if status == 0 {
		status = http.StatusOK
	}
	m.requests.WithLabelValues(route, knownMethod(r.Method), strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(route).Observe(took.Seconds())
	m.bytes.WithLabelValues(route).Add(float64(w.bytes))
	log.Debug("request", "method", r.Method, "path", r.URL.Path, "status", status, "bytes", w.bytes, "duration", took,
		"remote", r.RemoteAddr, "request_id", api.RequestID(r.Context()))
}

// knownMethod keeps invented methods out of the labels.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// observedWriter remembers the status and counts bytes.
type observedWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (o *observedWriter) WriteHeader(status int) {
	if o.status == 0 && status >= http.StatusOK {
		o.status = status
	}
	o.ResponseWriter.WriteHeader(status)
}

func (o *observedWriter) Write(p []byte) (int, error) {
	if o.status == 0 {
		o.status = http.StatusOK
	}
	n, err := o.ResponseWriter.Write(p)
	o.bytes += int64(n)
	return n, err
}

// Flush sends what is buffered: Connect's streams ask for it.
func (o *observedWriter) Flush() {
	_ = http.NewResponseController(o.ResponseWriter).Flush() // a writer that cannot is one that does not buffer
}

// Unwrap lets http.ResponseController reach the connection.
func (o *observedWriter) Unwrap() http.ResponseWriter { return o.ResponseWriter }
