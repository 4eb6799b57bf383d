// SPDX-License-Identifier: Apache-2.0

package table_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/table"
)

var _ table.Encoder = (*table.CSV)(nil)

// anyCell draws cells of every type.
var anyCell = rapid.OneOf(
	rapid.Just(table.Null()),
	rapid.Map(rapid.String(), table.Text),
	rapid.Map(rapid.SampledFrom([]string{"", "=1", `"`, ",", "\n"}), table.Text),
	rapid.Map(rapid.Int64(), table.Int),
	rapid.Map(rapid.Float64(), table.Float),
	rapid.Map(rapid.Bool(), table.Bool),
	rapid.Map(rapid.Int64Range(0, math.MaxInt32), func(s int64) table.Cell { return table.Time(time.Unix(s, 0)) }),
)

func TestJoinedPartsAreTheRow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.IntRange(1, 6).Draw(t, "columns")
		header := strings.Split("abcdef", "")[:columns]
		var whole, parts strings.Builder
		byRow, byPart := table.NewCSV(&whole), table.NewCSV(&parts)
		check := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		check(byRow.Header(header))
		check(byPart.Header(header))
		for range rapid.IntRange(1, 5).Draw(t, "rows") {
			cells := rapid.SliceOfN(anyCell, columns, columns).Draw(t, "cells")
			cut := rapid.IntRange(0, columns).Draw(t, "cut")
			first, rest := byPart.Encode(cells[:cut]), byPart.Encode(cells[cut:])
			check(byRow.Row(cells))
			check(byPart.Join(first, rest))
		}
		check(byRow.Close())
		check(byPart.Close())
		if whole.String() != parts.String() {
			t.Fatalf("got %q, want %q", parts.String(), whole.String())
		}
	})
}

func TestJoinRefusesARowOfOtherWidth(t *testing.T) {
	t.Parallel()
	w := table.NewCSV(&strings.Builder{})
	if err := w.Header([]string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	one := w.Encode([]table.Cell{table.Int(1)})
	if err := w.Join(one, table.Encoded{}); err == nil {
		t.Error("a row of one cell in a table of two columns was taken")
	}
}
