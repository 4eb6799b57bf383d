// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"slices"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

func TestRareSystemsAreCountedTogether(t *testing.T) {
	t.Parallel()
	system := func(platform, version string, machines int64) store.OSVersionCount {
		return store.OSVersionCount{Platform: platform, OSVersion: version, Machines: machines}
	}
	few := []store.OSVersionCount{system("LINUX", "a", 1), system("LINUX", "b", 7), system("MACOS", "15", 5), system("MACOS", "other", 4), system("MACOS", "x", 2), system("LINUX", "c", 3)}
	tests := []struct {
		name  string
		limit int
		want  []store.OSVersionCount
	}{
		{name: "there is room", limit: 6, want: few},
		{name: "the rarest", limit: 4, want: []store.OSVersionCount{system("LINUX", "b", 7), system("MACOS", "15", 5), system("MACOS", "other", 6), system("LINUX", "c", 3), system("LINUX", "other", 1)}},
		{name: "of both platforms", limit: 1, want: []store.OSVersionCount{system("LINUX", "b", 7), system("LINUX", "other", 4), system("MACOS", "other", 11)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := frequent(slices.Clone(few), test.limit); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
