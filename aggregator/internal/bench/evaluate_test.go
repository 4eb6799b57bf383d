// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/commit"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/fleet"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/tree"
)

const (
	evaluatedMachines = 10_000
	// evaluationLimit is that of a dry run here: what it takes is what is measured.
	evaluationLimit = 10 * time.Minute
)

// evaluated are the checks, from one that reads a small fact to one that reads everything.
var evaluated = []struct{ name, expression string }{
	{"os-version", "os_version.major >= `12`"},
	{"package-by-name", "length(deb_packages[?name=='openssl' && version >= '3.0']) > `0`"},
	{"all-packages", "length(deb_packages[?starts_with(name, 'linux-image')]) > `0`"},
	{"everything", "length(keys(@)) > `3`"},
}

// BenchmarkEvaluate measures a new check over a stored fleet of 10,000 machines, and the dry run of it. The first round
// of each finds the caches as the one before left them. Materialised is the share of this process's CPU time that is
// not the expression's own: reading, folding, sorting and decoding.
func BenchmarkEvaluate(b *testing.B) {
	our := newOurs(b, storetest.New(b))
	sample := our.simulate(b, evaluatedMachines)
	for _, test := range evaluated {
		own := evaluationOf(b, test.expression, sample)
		b.Run("task/"+test.name, func(b *testing.B) {
			checks := 0
			our.measure(b, own, func() error {
				checks++
				check, err := our.store.CreateCheck(b.Context(), compliance.Check{
					Name: fmt.Sprint(b.Name(), " ", b.N, " ", checks, " ", time.Now().UnixNano()), SourceName: our.source.Name, Expression: test.expression,
				})
				must(b, err)
				return our.EvaluateCheck(b.Context(), check)
			})
		})
		b.Run("dry-run/"+test.name, func(b *testing.B) {
			our.measure(b, own, func() error {
				result, err := our.DryRun(b.Context(), commit.DryRun{
					Check: compliance.Check{SourceName: our.source.Name, Expression: test.expression}, Most: 100, Limit: evaluationLimit,
				})
				if n := result.Evaluated(); err == nil && n != evaluatedMachines {
					err = fmt.Errorf("%d machines evaluated", n)
				}
				return err
			})
		})
	}
}

// measure runs an evaluation over the fleet; own is what the expression itself takes for a machine.
func (o *ourStore) measure(b *testing.B, own time.Duration, run func() error) {
	b.Helper()
	before := ownCPU(b)
	for b.Loop() {
		must(b, run())
	}
	cpu := ownCPU(b) - before
	machines := float64(b.N) * evaluatedMachines
	b.ReportMetric(machines/b.Elapsed().Seconds(), "machines/s")
	b.ReportMetric(float64(cpu.Microseconds())/machines, "program-µs/machine")
	b.ReportMetric(1-min(1, own.Seconds()*machines/cpu.Seconds()), "materialised")
}

// simulate stores the machines of a synthetic fleet and returns the tree of one.
func (o *ourStore) simulate(b *testing.B, machines int) *tree.Tree {
	b.Helper()
	f, err := fleet.New(fleet.Options{Machines: machines, Seed: 1})
	must(b, err)
	var next atomic.Int64
	group, ctx := errgroup.WithContext(b.Context())
	for range 4 {
		group.Go(func() error {
			for i := int(next.Add(1)) - 1; i < machines; i = int(next.Add(1)) - 1 {
				sections, err := f.Machine(i).Sections(30)
				if err != nil {
					return err
				}
				stamp := commit.Stamp{Instance: fmt.Appendf(nil, "%016d", i), Counter: 1}
				if err := o.commit(ctx, o.pushOf(serialOf(i), stamp, nil, sections), sections); err != nil {
					return err
				}
			}
			return nil
		})
	}
	must(b, group.Wait())
	return o.treeOf(b.Context(), b, serialOf(0))
}

func (o *ourStore) treeOf(ctx context.Context, b *testing.B, serial string) *tree.Tree {
	b.Helper()
	d, err := o.store.Machine(ctx, serial)
	must(b, err)
	look, err := o.Look(ctx, compliance.Check{SourceName: o.source.Name, Expression: "`true`"}, d.ID, serial)
	must(b, err)
	submitted, err := tree.Parse(look.Tree, tree.DefaultLimits())
	must(b, err)
	return tree.NewCache(1).Tree(submitted.Sections, tree.Added{SerialNumber: serial})
}

// evaluationOf returns the CPU time that an expression takes over a tree that is built already.
func evaluationOf(b *testing.B, expression string, built *tree.Tree) time.Duration {
	b.Helper()
	const rounds = 200
	program, err := compliance.Compile(expression)
	must(b, err)
	program.EvaluateTree(built)
	before := ownCPU(b)
	for range rounds {
		program.EvaluateTree(built)
	}
	return (ownCPU(b) - before) / rounds
}
