// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // agents compress large pushes
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/ingest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/postgres"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

const (
	// serverEnv holds the database of a child process that is the aggregator.
	serverEnv = "ROLLCALL_BENCH_DATABASE"
	// profileEnv names the file that the aggregator's CPU profile goes to; unset: no profile.
	profileEnv = "ROLLCALL_BENCH_PROFILE"
)

func TestMain(m *testing.M) {
	if dsn := os.Getenv(serverEnv); dsn != "" {
		if err := serve(dsn); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serve runs the sync service, and the gRPC health service as the empty call to compare with, until standard input
// ends.
func serve(dsn string) error {
	ctx := context.Background()
	log := slog.New(slog.DiscardHandler)
	pool, err := store.Open(ctx, dsn)
	if err != nil {
		return err
	}
	s := store.New(pool)
	service := ingest.New(s, commit.New(s, log), ingest.Options{Interval: 5 * time.Minute}, log)
	server := grpc.NewServer(service.ServerOptions()...)
	service.RegisterGRPC(server)
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, listener.Addr())
	if name := os.Getenv(profileEnv); name != "" {
		out, err := os.Create(name)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(out); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	go func() {
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // ends with the parent
		server.Stop()
	}()
	return server.Serve(listener)
}

// aggregator is a running aggregator over a durable database of its own.
type aggregator struct {
	address  string
	pid      int
	postgres *postgres.Cluster
	pool     *pgxpool.Pool
	store    *store.Store
}

func startAggregator(b *testing.B) *aggregator {
	b.Helper()
	ctx := b.Context()
	cluster := storetest.Cluster(b)
	must(b, store.Migrate(ctx, cluster.DSN(), slog.New(slog.DiscardHandler)))
	pool, err := store.Open(ctx, cluster.DSN())
	must(b, err)
	b.Cleanup(pool.Close)
	s := store.New(pool)
	must(b, s.EnsurePartitions(ctx, 8))

	child := exec.CommandContext(context.WithoutCancel(ctx), os.Args[0]) // the clean-up ends it
	child.Env = append(os.Environ(), serverEnv+"="+cluster.DSN())
	child.Stderr = os.Stderr
	stdin, err := child.StdinPipe()
	must(b, err)
	stdout, err := child.StdoutPipe()
	must(b, err)
	must(b, child.Start())
	b.Cleanup(func() {
		_ = stdin.Close() // tells the child to stop
		_ = child.Wait()
	})
	address, err := bufio.NewReader(stdout).ReadString('\n')
	must(b, err)
	return &aggregator{address: strings.TrimSpace(address), pid: child.Process.Pid, postgres: cluster, pool: pool, store: s}
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
