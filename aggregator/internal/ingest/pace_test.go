// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"container/heap"
	"math/rand/v2"
	"testing"
	"time"
)

// arrivals are the times of check-ins to come.
type arrivals []time.Duration

func (a arrivals) Len() int           { return len(a) }
func (a arrivals) Less(i, j int) bool { return a[i] < a[j] }
func (a arrivals) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *arrivals) Push(x any)        { *a = append(*a, x.(time.Duration)) }
func (a *arrivals) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// simulate has agents come at the given times and then as they are told, with the tenth that they add themselves. It
// returns how many came in each second.
func simulate(p *pace, first arrivals, lasts time.Duration) []int {
	random := rand.New(rand.NewPCG(3, 1))
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	seconds := make([]int, lasts/time.Second+1)
	heap.Init(&first)
	for first[0] < lasts {
		at := first[0]
		seconds[at/time.Second]++
		next := p.spread(p.interval, begin.Add(at), random.Float64())
		first[0] = at + time.Duration(float64(next)*(0.9+0.2*random.Float64()))
		heap.Fix(&first, 0)
	}
	return seconds
}

// peak is the most that came in ten seconds, in a second, of those from one minute to another.
func peak(seconds []int, from, to int) float64 {
	most := 0
	for i := from * 60; i+10 <= to*60; i++ {
		sum := 0
		for _, n := range seconds[i : i+10] {
			sum += n
		}
		most = max(most, sum)
	}
	return float64(most) / 10
}

// spreadOver returns n times spread evenly over a time.
func spreadOver(n int, begin, over time.Duration) arrivals {
	random := rand.New(rand.NewPCG(3, 2))
	a := make(arrivals, n)
	for i := range a {
		a[i] = begin + time.Duration(random.Float64()*float64(over))
	}
	return a
}

func TestAStormHasNoSecondPeak(t *testing.T) {
	t.Parallel()
	const fleet = 100_000
	const steady = fleet / 300.0
	tests := []struct {
		name  string
		first arrivals
		from  int // minute from which the peak counts
		most  float64
	}{
		{"all within a minute of a start", spreadOver(fleet, 0, time.Minute), 2, 1.6},
		{"all within ten minutes of a start", spreadOver(fleet, 0, 10*time.Minute), 12, 1.6},
		{"evenly from the start", spreadOver(fleet, 0, 5*time.Minute), 0, 1.6},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			seconds := simulate(newPace(5*time.Minute), test.first, 20*time.Minute)
			got := peak(seconds, test.from, 20)
			t.Logf("first peak %.0f/s, then at most %.0f/s; %.0f/s would be even", peak(seconds, 0, 2), got, steady)
			if got > test.most*steady {
				t.Errorf("got a peak of %.0f/s, want at most %.0f/s", got, test.most*steady)
			}
		})
	}
}

// TestAFleetThatComesBackIsSpreadAgain has an even hour, then an outage, after which all come within a minute.
func TestAFleetThatComesBackIsSpreadAgain(t *testing.T) {
	t.Parallel()
	const fleet = 100_000
	const steady = fleet / 300.0
	p := newPace(5 * time.Minute)
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range int(3600 * steady) {
		p.spread(p.interval, begin.Add(time.Duration(float64(i)/steady*float64(time.Second))-time.Hour-10*time.Minute), 0.5)
	}
	seconds := simulate(p, spreadOver(fleet, 0, time.Minute), 20*time.Minute)
	got := peak(seconds, 2, 20)
	t.Logf("first peak %.0f/s, then at most %.0f/s; %.0f/s would be even", peak(seconds, 0, 2), got, steady)
	if got > 1.6*steady {
		t.Errorf("got a peak of %.0f/s, want at most %.0f/s", got, 1.6*steady)
	}
}

func TestIntervalsStayNearTheUsualWhileNothingHappens(t *testing.T) {
	t.Parallel()
	p := newPace(5 * time.Minute)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for range 600_000 { // half an hour at the usual rate
		now = now.Add(3 * time.Millisecond)
		p.spread(p.interval, now, 0.5)
	}
	for random, want := range map[float64]time.Duration{0: 270 * time.Second, 0.5: 300 * time.Second} {
		if got := p.spread(p.interval, now, random); got != want {
			t.Errorf("random %v: got %v, want %v", random, got, want)
		}
	}
	small := newPace(time.Minute)
	if got := small.spread(time.Minute, now, 0); got != 54*time.Second {
		t.Errorf("the first of a small fleet: got %v, want 54s", got)
	}
}
