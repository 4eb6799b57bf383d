// SPDX-License-Identifier: Apache-2.0

package store

import "testing"

func TestAReplicaIsUsedInTheEpochThatItWasLookedAt(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		replica *Replica
		epoch   string
		want    bool
	}{
		{"the same", &Replica{epoch: "a"}, "a", true},
		{"the primary has another one by now", &Replica{epoch: "a"}, "b", false},
		{"nobody asked for the epoch", &Replica{epoch: "a"}, "", true},
		{"not worth reading", &Replica{epoch: "a", why: errNotLookedAt}, "a", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := test.replica.usable(test.epoch); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}
