// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

var errDown = errors.New("down")

// played is a loop whose cycles end as told, in a bubble of its own time.
type played struct {
	loop
	results []error       // of the cycles in turn; the last one repeats
	asked   time.Duration // by the aggregator
	starts  []time.Duration
	fresh   []bool
	begin   time.Time
}

func play(results ...error) *played {
	p := &played{results: results, begin: time.Now()}
	p.random = func() float64 { return 0.5 }
	p.cycle = func(_ context.Context, fresh bool) (time.Duration, error) {
		p.starts = append(p.starts, time.Since(p.begin))
		p.fresh = append(p.fresh, fresh)
		return p.asked, p.results[min(len(p.starts), len(p.results))-1]
	}
	return p
}

// runFor runs the loop for a while.
func (p *played) runFor(d time.Duration, wake <-chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	p.run(ctx, wake)
}

func TestCyclesFollowTheIntervalOfTheAggregator(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := play(nil)
		p.asked = time.Minute
		p.runFor(150*time.Second, nil)
		want := []time.Duration{0, time.Minute, 2 * time.Minute}
		if !slices.Equal(p.starts, want) || slices.Contains(p.fresh, false) {
			t.Errorf("got %v, fresh %v, want %v, always fresh", p.starts, p.fresh, want)
		}
	})
}

func TestNoIntervalSilencesAnAgentForGood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := play(nil)
		p.asked = 1 << 32 * time.Second
		p.runFor(8*24*time.Hour, nil)
		if want := []time.Duration{0, maxInterval}; !slices.Equal(p.starts, want) {
			t.Errorf("got %v, want %v", p.starts, want)
		}
	})
}

func TestTheOperatorsIntervalWins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := play(nil)
		p.asked, p.fixed = time.Minute, time.Hour
		p.runFor(90*time.Minute, nil)
		if want := []time.Duration{0, time.Hour}; !slices.Equal(p.starts, want) {
			t.Errorf("got %v, want %v", p.starts, want)
		}
	})
}

func TestAnIntervalIsSpreadByATenth(t *testing.T) {
	t.Parallel()
	for random, want := range map[float64]time.Duration{0: 90 * time.Second, 0.5: 100 * time.Second, 1: 110 * time.Second} {
		l := loop{random: func() float64 { return random }}
		if got := l.jitter(100 * time.Second); got.Round(time.Millisecond) != want {
			t.Errorf("random %v: got %v, want %v", random, got, want)
		}
	}
}

func TestFailuresBackOffAndRetryWhatIsPending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := play(errDown, errDown, errDown, nil)
		p.asked = 0
		p.runFor(10*time.Second, nil)
		want := []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second}
		if !slices.Equal(p.starts, want) || !slices.Equal(p.fresh, []bool{true, false, false, false}) {
			t.Errorf("got %v, fresh %v, want %v, only the first fresh", p.starts, p.fresh, want)
		}
	})
}

func TestALongOutageIsCollectedAnewEveryInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := play(errDown)
		p.runFor(time.Hour, nil)
		fresh := 0
		for _, f := range p.fresh {
			if f {
				fresh++
			}
		}
		if fresh < 5 || fresh > 13 {
			t.Errorf("got %d collections in an hour of %d attempts, want about one in %v", fresh, len(p.starts), defaultInterval)
		}
	})
}

func TestTheBackOffIsRandomAndBounded(t *testing.T) {
	t.Parallel()
	most := loop{random: func() float64 { return 1 }}
	if got := most.backOff(100, 0); got != maxBackOff {
		t.Errorf("after 100 failures: got %v, want %v", got, maxBackOff)
	}
	least := loop{random: func() float64 { return 0 }}
	if got := least.backOff(1, 0); got != minWait {
		t.Errorf("got %v, want %v", got, minWait)
	}
	for failures, want := range map[int]time.Duration{1: 11 * time.Second, 2: 13 * time.Second, 100: 18 * time.Second} {
		if got := least.backOff(failures, 9*time.Second); got != 9*time.Second {
			t.Errorf("asked for 9s: got %v", got)
		}
		if got := most.backOff(failures, 9*time.Second); got != want {
			t.Errorf("asked for 9s, %d failures: got up to %v, want %v", failures, got, want)
		}
	}
}

func TestAWakeUpBeginsAFreshCycleAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wake := make(chan struct{})
		p := play(errDown, nil)
		timer := time.AfterFunc(500*time.Millisecond, func() { wake <- struct{}{} })
		defer timer.Stop()
		p.runFor(2*time.Second, wake)
		if want := []time.Duration{0, 500 * time.Millisecond}; !slices.Equal(p.starts, want) || !p.fresh[1] {
			t.Errorf("got %v, fresh %v, want %v, both fresh", p.starts, p.fresh, want)
		}
	})
}
