// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// connectionAge is how old a connection gets, a tenth more or less, before its client is asked to make a new one: with
	// several aggregators behind one address, each finds its share of agents again within hours. A handshake every two
	// hours costs a hundred thousand agents fourteen of them a second.
	connectionAge = 2 * time.Hour
	// connectionGrace is how long calls under way may go on then.
	connectionGrace = 5 * time.Minute
)

// traffic counts the connections of listeners and the bytes on them, TLS included.
type traffic struct {
	open                     *prometheus.GaugeVec
	accepted, received, sent *prometheus.CounterVec
}

func newTraffic(r prometheus.Registerer) *traffic {
	label := []string{"listener"}
	t := &traffic{
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "rollcall_connections_open", Help: "Connections that are open, by listener.",
		}, label),
		accepted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_connections_total", Help: "Connections that were accepted, by listener.",
		}, label),
		received: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_connection_received_bytes_total", Help: "Bytes received, as on the wire, by listener.",
		}, label),
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_connection_sent_bytes_total", Help: "Bytes sent, as on the wire, by listener.",
		}, label),
	}
	r.MustRegister(t.open, t.accepted, t.received, t.sent)
	return t
}

// countedListener counts what happens on its connections.
type countedListener struct {
	net.Listener
	open                     prometheus.Gauge
	accepted, received, sent prometheus.Counter
}

// listener returns l, counted under a name.
func (t *traffic) listener(l net.Listener, name string) net.Listener {
	return &countedListener{
		Listener: l, open: t.open.WithLabelValues(name), accepted: t.accepted.WithLabelValues(name),
		received: t.received.WithLabelValues(name), sent: t.sent.WithLabelValues(name),
	}
}

// Accept implements net.Listener.
func (l *countedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.accepted.Inc()
	l.open.Inc()
	return &countedConn{Conn: conn, listener: l}, nil
}

// countedConn is a connection of a countedListener.
type countedConn struct {
	net.Conn
	listener *countedListener
	closed   sync.Once
}

// Read implements net.Conn.
func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.listener.received.Add(float64(n))
	return n, err
}

// Write implements net.Conn.
func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.listener.sent.Add(float64(n))
	return n, err
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	c.closed.Do(c.listener.open.Dec)
	return c.Conn.Close()
}

type retireKey struct{}

// born notes in a connection's context until when it takes requests. It is an http.Server's ConnContext.
func born(ctx context.Context, _ net.Conn) context.Context {
	age := time.Duration(float64(connectionAge) * (0.9 + 0.2*rand.Float64()))
	return context.WithValue(ctx, retireKey{}, time.Now().Add(age))
}

// retire asks the client of an old connection for a new one: this answer is the last over HTTP/1.1, and the last to be
// begun over HTTP/2.
func retire(w http.ResponseWriter, r *http.Request) {
	if until, ok := r.Context().Value(retireKey{}).(time.Time); ok && time.Now().After(until) {
		w.Header().Set("Connection", "close")
	}
}
