// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

// team is several aggregators on one database behind one address, and machines that change and report all the time.
type team struct {
	*battlefield
	main, native *balancer
	sites        []*site
}

// newTeam starts a PostgreSQL and the first aggregator, and enlists machines.
func newTeam(t *testing.T) *team {
	t.Helper()
	r := rand.New(rand.NewPCG(seedOf(t), 3))
	m := &team{battlefield: &battlefield{t: t}, main: newBalancer(t), native: newBalancer(t)}
	database := storetest.Cluster(t).DSN()
	m.site = m.join(&site{t: t, database: database})
	secret := m.site.must("enrollment", "create", "--name", "test")
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	t.Cleanup(m.peace)
	for i, args := range [][]string{{"--transport", "grpc"}, {"--transport", "grpc"}, {"--transport", "connect"}, {"--once"}} {
		f := &fighter{name: fmt.Sprint(i+1, args), args: args}
		m.enlist(ctx, f, r, "http://"+m.main.address, secret)
	}
	return m
}

// join starts an aggregator and lets the balancers send to it.
func (m *team) join(s *site) *site {
	m.t.Helper()
	s.args = []string{"--grpc-advertise", m.native.address, "--checkin-interval", "1s", "--log-level", "warn"}
	startSite(s)
	m.sites = append(m.sites, s)
	m.main.add(strings.TrimPrefix(s.url, "http://"))
	m.native.add(s.grpc)
	return s
}

// goOn waits until every machine has reported a further change.
func (m *team) goOn(when string) {
	m.t.Helper()
	if err := m.progress(m.acknowledged()); err != nil {
		m.t.Fatalf("%s: %v", when, err)
	}
}

// TestAggregatorsTakeOverFromEachOther kills one of two aggregators, starts it again, and kills the other. Machines go on
// reporting all the time, and nothing that they were told to be committed is lost.
func TestAggregatorsTakeOverFromEachOther(t *testing.T) {
	t.Parallel()
	m := newTeam(t)
	m.join(&site{t: t, database: m.site.database})
	m.goOn("with two aggregators")
	for i, victim := range m.sites {
		other := m.sites[1-i]
		victim.stop(syscall.SIGKILL)
		m.goOn(fmt.Sprintf("with aggregator %d killed", i+1))
		if !other.ready() {
			t.Errorf("with aggregator %d killed the other is not ready", i+1)
		}
		if err := victim.start(); err != nil {
			t.Fatal(err)
		}
	}
	m.goOn("with both back")
	m.peace()
	m.verify()
}
