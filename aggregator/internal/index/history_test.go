// SPDX-License-Identifier: Apache-2.0

//go:build unix

package index

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// TestIndexAgreesWithPostgreSQL plays a random history from several aggregators at once and compares, whenever it
// pauses, every answer of every index with PostgreSQL's.
func TestIndexAgreesWithPostgreSQL(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			aggregators := []*aggregator{w.aggregator(), w.aggregator()}
			observer := w.running()
			w.enrolments(aggregators[0])
			for round := range 5 {
				var group errgroup.Group
				for i, a := range append(aggregators, observer) {
					random := rand.New(rand.NewPCG(seed, uint64(100*round+i)))
					group.Go(func() error { return a.play(t.Context(), random, 25) })
				}
				if err := group.Wait(); err != nil {
					t.Fatal(err)
				}
				if round == 2 { // a check that comes late
					aggregators[1].addCheck(t.Context(), "late", "alpha")
				}
				for _, a := range aggregators {
					a.catchesUp()
					a.agrees(fmt.Sprint("round ", round))
					a.everyMinute(t.Context())
					if n := a.numbers.mismatches.Load(); n > 0 {
						t.Errorf("round %d: %d mismatches", round, n)
					}
				}
				observer.fresh()
				observer.agrees(fmt.Sprint("observer, round ", round))
			}
			w.aggregator().agrees("after a restart")
			observer.Forget()
			observer.fresh()
			observer.agrees("in another epoch")
		})
	}
}

// enrolments makes tags that machines get, and checks.
func (w *world) enrolments(a *aggregator) {
	w.t.Helper()
	for _, tag := range []string{"web", "db"} {
		_, err := a.store.CreateEnrollment(w.t.Context(), store.NewEnrollment{Name: tag, Tags: []string{tag}, SecretDigest: auth.DigestOf(tag)})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	a.addCheck(w.t.Context(), "early", "alpha")
	a.addCheck(w.t.Context(), "other", "beta")
}

func (a *aggregator) addCheck(ctx context.Context, name, source string) {
	a.t.Helper()
	check := must(a.store.CreateCheck(ctx, compliance.Check{
		Name: name, SourceName: source, Platforms: []string{"LINUX"}, Expression: "length(deb_packages) > `3`",
	}))(a.t)
	if err := a.commit.EvaluateCheck(ctx, check); err != nil {
		a.t.Fatal(err)
	}
}

// play does a number of random things.
func (a *aggregator) play(ctx context.Context, random *rand.Rand, steps int) error {
	for range steps {
		serial := fmt.Sprintf("m-%d", random.IntN(30))
		var err error
		switch random.IntN(12) {
		case 0:
			_, err = a.store.Archive(ctx, []string{serial})
		case 1:
			_, err = a.store.Prune(ctx, []string{serial})
		case 2:
			tag := []string{"web", "db"}[random.IntN(2)]
			_, err = a.store.Issue(ctx, store.NewCredential{
				Serial: serial, Secret: auth.DigestOf(tag), Modules: []string{"m"}, Identity: []byte(`{}`),
				Digest: auth.DigestOf(fmt.Sprint(random.Uint64())),
			})
		case 3:
			err = a.whileOthersWrite(ctx)
		case 4:
			err = a.waive(ctx, serial)
		default:
			err = a.push(ctx, randomReport(serial, random))
		}
		if err != nil && !errors.Is(err, store.ErrRetry) {
			return err
		}
	}
	return nil
}

// waive lets a machine off every check, or no longer.
func (a *aggregator) waive(ctx context.Context, serial string) error {
	checks, err := a.store.CheckIDs(ctx)
	if err != nil {
		return err
	}
	waivers, err := a.store.Waivers(ctx, store.WaiverFilter{SerialNumber: serial}, 0, 100)
	for _, v := range waivers {
		if err := a.store.DeleteWaiver(ctx, v.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	if len(waivers) > 0 || err != nil {
		return err
	}
	for _, check := range checks {
		_, err := a.store.CreateWaiver(ctx, store.Waiver{
			CheckID: check, SerialNumber: serial, Owner: "o", Reason: "r", ExpiresAt: time.Now().Add(time.Hour),
		})
		var refused compliance.FieldErrors // the machine is gone, or somebody else was first
		if err != nil && !errors.As(err, &refused) {
			return err
		}
	}
	return nil
}

func randomReport(serial string, random *rand.Rand) report {
	r := report{
		serial: serial, source: []string{"alpha", "alpha", "beta", "gamma"}[random.IntN(4)],
		module: []string{"", "", "test.another"}[random.IntN(3)],
		name:   []string{"", "höst-1", "host-2"}[random.IntN(3)], platform: []string{"LINUX", "LINUX", "WINDOWS", ""}[random.IntN(4)],
		kind: []string{"SERVER", "LAPTOP"}[random.IntN(2)], at: time.Now().Add(-time.Duration(random.IntN(100*24)) * time.Hour),
		sections: map[string][]string{"disks": {`{"name":"sda"}`}},
	}
	for n := range random.IntN(12) {
		version := []string{"1.2", "1.9", "1.10", "not a version"}[random.IntN(4)]
		r.sections["deb_packages"] = append(r.sections["deb_packages"], deb(fmt.Sprint("a-", n), version))
		if random.IntN(5) == 0 {
			r.sections["deb_packages"] = append(r.sections["deb_packages"], fmt.Sprintf(`{"arch":"i386","name":"a-%d","version":%q}`, n, version))
		}
	}
	for n := range random.IntN(3) {
		r.sections["python_packages"] = append(r.sections["python_packages"], deb(fmt.Sprint("p-", n), fmt.Sprint(random.IntN(3))))
	}
	if random.IntN(6) == 0 { // large enough for a row of its own
		for n := range 900 {
			r.sections["rpm_packages"] = append(r.sections["rpm_packages"], deb(fmt.Sprintf("zlib-%03d", n), fmt.Sprint(random.IntN(2))))
		}
	}
	return r
}
