// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"fmt"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	head := &store.Head{
		ID: 1, Instance: []byte("now"), Counter: 30,
		Superseded: []store.Superseded{{Instance: []byte("first"), Since: 10}, {Instance: []byte("second"), Since: 20}},
	}
	tests := []struct {
		name     string
		head     *store.Head
		instance string
		counter  uint64
		want     verdict
	}{
		{"no head yet", &store.Head{}, "any", 1, takeOver},
		{"a head that no agent wrote", &store.Head{ID: 1}, "any", 1, takeOver},
		{"the next request", head, "now", 31, accept},
		{"requests were lost between", head, "now", 99, accept},
		{"the last request again", head, "now", 30, repeat},
		{"a delayed request of the same process", head, "now", 29, stale},
		{"a restart", head, "new", 31, takeOver},
		{"a restart of a state that was set back", head, "new", 12, stale},
		{"a copy that begins where the other is", head, "new", 30, stale},
		{"a delayed request of the process before", head, "second", 19, stale},
		{"the process before lives on", head, "second", 20, conflict},
		{"it lives on and is ahead", head, "second", 40, conflict},
		{"a delayed request of an older process", head, "first", 9, stale},
		{"an older process lives on", head, "first", 10, conflict},
	}
	for _, test := range tests {
		if got := judge(test.head, Stamp{Instance: []byte(test.instance), Counter: test.counter}); got != test.want {
			t.Errorf("%s: got %d, want %d", test.name, got, test.want)
		}
	}
}

// line is one agent as it lives in a state folder: the process and the counter on disk.
type line struct {
	process string
	counter uint64
	resumes string // with a resynchronisation: the process that was told to
}

// story plays requests against one head, as WriteCommit would write them.
type story struct {
	t    *testing.T
	head store.Head
	n    int
}

// sends offers the next request of a line and returns the verdict.
func (s *story) sends(l *line) verdict {
	l.counter++
	return s.arrives(l.process, l.counter, l.resumes)
}

func (s *story) arrives(process string, counter uint64, resumes string) verdict {
	stamp := Stamp{Instance: []byte(process), Counter: counter, Resync: resumes != "", Resumes: []byte(resumes)}
	v := judge(&s.head, stamp)
	if stamp.Resync && (v == accept || v == takeOver) {
		s.head.Resumed = resumed(&s.head, stamp)
	}
	if v == takeOver {
		if len(s.head.Instance) > 0 {
			s.head.Superseded = append(s.head.Superseded, store.Superseded{Instance: s.head.Instance, Since: counter})
		}
	}
	if v == accept || v == takeOver {
		s.head.ID, s.head.Instance, s.head.Counter = 1, []byte(process), counter
	}
	return v
}

func (s *story) want(got, want verdict) {
	s.t.Helper()
	if got != want {
		s.t.Fatalf("got verdict %d, want %d; head %+v", got, want, s.head)
	}
}

// restarts is a new process over the same state folder.
func (s *story) restarts(l line) *line {
	s.n++
	return &line{process: fmt.Sprintf("process %d", s.n), counter: l.counter}
}

// behind is what an agent does that is told that its counter is behind: it goes on above it under a new name.
func (s *story) behind(l *line) {
	s.n++
	*l = line{process: fmt.Sprintf("process %d", s.n), counter: s.head.Counter, resumes: l.process}
}

func TestRestartsNeverConflict(t *testing.T) {
	t.Parallel()
	s := &story{t: t}
	a := s.restarts(line{})
	for range 20 {
		s.want(s.sends(a), takeOver)
		s.want(s.sends(a), accept)
		a.counter++ // a request that was lost
		a = s.restarts(*a)
	}
}

// Whatever was sent before a process ended arrives late without harm, even behind what its successor sent.
func TestDelayedDuplicatesNeverFreeze(t *testing.T) {
	t.Parallel()
	s := &story{t: t}
	type request struct {
		process string
		counter uint64
	}
	var sent []request
	a := s.restarts(line{})
	for range 6 {
		for range 3 {
			s.sends(a)
			sent = append(sent, request{a.process, a.counter})
			a.counter++ // sent, and delayed until much later
			sent = append(sent, request{a.process, a.counter})
		}
		a = s.restarts(*a)
		s.sends(a)
		for _, r := range sent {
			if v := s.arrives(r.process, r.counter, ""); v != stale {
				t.Fatalf("%s with counter %d after %s with %d: got verdict %d", r.process, r.counter, s.head.Instance, s.head.Counter, v)
			}
		}
	}
}

func TestACopiedStateFolderIsFoundOut(t *testing.T) {
	t.Parallel()
	t.Run("the copy speaks first", func(t *testing.T) {
		t.Parallel()
		s := &story{t: t}
		original := s.restarts(line{})
		s.want(s.sends(original), takeOver)
		copied := s.restarts(*original)
		s.want(s.sends(copied), takeOver)
		s.want(s.sends(original), conflict)
		if got := string(newcomer(&s.head, []byte(original.process))); got != copied.process {
			t.Errorf("newcomer: got %q, want the copy", got)
		}
	})
	t.Run("the original speaks first", func(t *testing.T) {
		t.Parallel()
		s := &story{t: t}
		original := s.restarts(line{})
		s.want(s.sends(original), takeOver)
		copied := s.restarts(*original)
		s.want(s.sends(original), accept)
		s.want(s.sends(copied), stale)
		s.behind(copied)
		s.want(s.sends(copied), takeOver)
		s.want(s.sends(original), conflict)
		if got := string(newcomer(&s.head, []byte(original.process))); got != copied.process {
			t.Errorf("newcomer: got %q, want the copy, which the head never knew", got)
		}
	})
	t.Run("the copy begins above the original's counter", func(t *testing.T) {
		t.Parallel()
		s := &story{t: t}
		original := s.restarts(line{})
		s.want(s.sends(original), takeOver)
		copied := s.restarts(line{counter: original.counter + 64}) // counters are reserved on disk in blocks
		s.want(s.sends(copied), takeOver)
		s.want(s.sends(original), stale)
		s.behind(original)
		s.want(s.sends(original), takeOver)
		original = s.restarts(*original)
		s.want(s.sends(original), takeOver)
		copied.counter = original.counter
		s.want(s.sends(copied), conflict)
		if got := string(newcomer(&s.head, []byte(copied.process))); got != copied.process {
			t.Errorf("newcomer: got %q, want the copy, although the original came back after it", got)
		}
	})
	t.Run("each goes above the other's counter", func(t *testing.T) {
		t.Parallel()
		s := &story{t: t}
		original := s.restarts(line{})
		s.want(s.sends(original), takeOver)
		copied := s.restarts(line{counter: original.counter + 64})
		s.want(s.sends(copied), takeOver)
		s.want(s.sends(original), stale)
		s.behind(original)
		original.counter += 2 // requests that were refused for what they held
		s.want(s.sends(original), takeOver)
		s.want(s.sends(copied), stale)
		s.behind(copied)
		s.want(s.sends(copied), conflict)
		if got := string(newcomer(&s.head, []byte(copied.process))); got != copied.process {
			t.Errorf("newcomer: got %q, want the copy", got)
		}
	})
	t.Run("both were started anew", func(t *testing.T) {
		t.Parallel()
		s := &story{t: t}
		image := s.restarts(line{})
		s.want(s.sends(image), takeOver)
		one, other := s.restarts(*image), s.restarts(*image)
		s.want(s.sends(one), takeOver)
		s.want(s.sends(other), stale)
		s.behind(other)
		s.want(s.sends(other), takeOver)
		s.want(s.sends(one), conflict)
		if got := string(newcomer(&s.head, []byte(one.process))); got != other.process {
			t.Errorf("newcomer: got %q, want the one that came second", got)
		}
	})
}

func TestAMachineThatWasSetBackGoesOn(t *testing.T) {
	t.Parallel()
	for _, memory := range []bool{false, true} { // whether the process itself was set back too
		s := &story{t: t}
		a := s.restarts(line{})
		for range 5 {
			s.sends(a)
		}
		saved := *a
		for range 5 {
			s.want(s.sends(a), accept)
		}
		back := &saved
		if !memory {
			back = s.restarts(saved)
		}
		s.want(s.sends(back), stale)
		s.behind(back)
		s.want(s.sends(back), takeOver)
		s.want(s.sends(back), accept)
		back = s.restarts(*back)
		s.want(s.sends(back), takeOver)
	}
}
