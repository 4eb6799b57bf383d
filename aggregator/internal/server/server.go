// SPDX-License-Identifier: Apache-2.0

// Package server is the two listeners: HTTP (1.1 and 2) for everything with a URL, and native gRPC for agents. It owns
// TLS, the order of the middleware, time-outs and the shutdown, and mounts what it is given. It refuses to know what
// the doors answer.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
)

// shutdownLimit is how long answers under way may take once the server stops.
const shutdownLimit = 10 * time.Second

// Listeners are the bound addresses.
type Listeners struct {
	HTTP net.Listener
	GRPC net.Listener
}

// Listen binds both addresses, so that a port in use is found before anything runs. The Server closes them.
func Listen(ctx context.Context, http, grpc string) (Listeners, error) {
	var config net.ListenConfig
	var l Listeners
	var err error
	if l.HTTP, err = config.Listen(ctx, "tcp", http); err != nil {
		return Listeners{}, fmt.Errorf("--listen %s: %w", http, err)
	}
	if l.GRPC, err = config.Listen(ctx, "tcp", grpc); err != nil {
		_ = l.HTTP.Close() // nobody has used it
		return Listeners{}, fmt.Errorf("--grpc-listen %s: %w", grpc, err)
	}
	return l, nil
}

// Options say what the server serves and how.
type Options struct {
	Listeners Listeners
	CertFile  string // PEM chain for both listeners; "": no TLS
	KeyFile   string // PEM
	// TicketKeyFile holds a secret that several aggregators share, so that TLS sessions are resumed at any of them; "":
	// each listener makes keys of its own.
	TicketKeyFile string

	// Mux has the doors mounted. Who may use them is theirs to ask.
	Mux *http.ServeMux
	// OnShutdown ends the answers of the doors that go on for ever; nil: there are none.
	OnShutdown func()
	// Register adds the services to the gRPC server; GRPCOptions are theirs (interceptors).
	Register    func(*grpc.Server)
	GRPCOptions []grpc.ServerOption

	Metrics prometheus.Registerer
	Log     *slog.Logger
}

// Server is both listeners. It is used once.
type Server struct {
	listeners Listeners
	http      *http.Server
	grpc      *grpc.Server
	log       *slog.Logger
}

// New prepares the server and reads the certificate. On failure the listeners are closed.
func New(o Options) (*Server, error) {
	counted := newTraffic(o.Metrics)
	s := &Server{log: o.Log, http: newHTTP(o), listeners: Listeners{
		HTTP: counted.listener(o.Listeners.HTTP, "http"), GRPC: counted.listener(o.Listeners.GRPC, "grpc"),
	}}
	if o.OnShutdown != nil {
		s.http.RegisterOnShutdown(o.OnShutdown)
	}
	options := o.GRPCOptions
	if o.CertFile != "" {
		cert, err := openCertificate(o.CertFile, o.KeyFile, o.Log)
		var keys *tickets
		if err == nil {
			keys, err = openTickets(o.TicketKeyFile)
		}
		if err != nil {
			_ = o.Listeners.HTTP.Close() // nobody has used them
			_ = o.Listeners.GRPC.Close()
			return nil, err
		}
		s.http.TLSConfig = cert.config(keys, "h2", "http/1.1")
		options = append(options[:len(options):len(options)], grpcCredentials(cert, keys))
	}
	s.grpc = newGRPC(options, o.Register, o.Log)
	return s, nil
}

// Run serves until ctx ends, then lets what is under way finish, for a while.
func (s *Server) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		err := s.serveHTTP()
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return fmt.Errorf("HTTP listener: %w", err)
	})
	group.Go(func() error {
		if err := s.grpc.Serve(s.listeners.GRPC); err != nil && !errors.Is(err, grpc.ErrServerStopped) { // stopped before it began
			return fmt.Errorf("gRPC listener: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		s.shutdown(context.WithoutCancel(ctx))
		return nil
	})
	return group.Wait()
}

func (s *Server) serveHTTP() error {
	if s.http.TLSConfig != nil {
		return s.http.ServeTLS(s.listeners.HTTP, "", "") // the certificate is in the configuration
	}
	return s.http.Serve(s.listeners.HTTP)
}

// shutdown stops both listeners at once and waits for their answers; those that take too long are cut off.
func (s *Server) shutdown(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, shutdownLimit)
	defer cancel()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.grpc.GracefulStop()
	}()
	if err := s.http.Shutdown(ctx); err != nil {
		s.log.Warn("requests cut off at shutdown", "err", err)
		_ = s.http.Close() // Shutdown has closed the listener
	}
	select {
	case <-stopped:
	case <-ctx.Done():
		s.grpc.Stop()
		<-stopped
	}
}
