// SPDX-License-Identifier: Apache-2.0

package normal

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestEverySpellingOfAMomentBecomesOne(t *testing.T) {
	t.Parallel()
	tests := []struct{ want, text string }{
		{"2026-03-04T05:06:07", "2026-03-04T05:06:07"},
		{"2026-03-04T05:06:07", "2026-03-04T05:06:07Z"},
		{"2026-03-04T05:06:07", "2026-03-04t05:06:07z"},
		{"2026-03-04T05:06:07", "2026-03-04 05:06:07"},
		{"2026-03-04T05:06:07", "  2026-03-04 05:06:07 UTC "},
		{"2026-03-04T05:06:07", "2026-03-04 05:06:07 GMT"},
		{"2026-03-04T05:06:07", "2026-03-04T07:06:07+02:00"},
		{"2026-03-04T05:06:07", "2026-03-04T07:06:07+0200"},
		{"2026-03-04T05:06:07", "2026-03-04T07:06:07+02"},
		{"2026-03-04T05:06:07", "2026-03-04 07:06:07 +0200"},
		{"2026-03-03T23:06:07", "2026-03-03 18:06:07 -05:00"},
		{"2026-03-04T05:06:07", "2026-03-04T05:06:07.000000"},
		{"2026-03-04T05:06:07", "20260304T050607Z"},
		{"2026-03-04T05:06:07", "20260304050607"},
		{"2026-03-04T05:06:07", "20260304070607+0200"},
		{"2026-03-04T05:06:07", "1772600767"},
		{"2026-03-04T05:06:07.120000", "2026-03-04T05:06:07.12"},
		{"2026-03-04T05:06:07.120000", "2026-03-04T05:06:07,12Z"},
		{"2026-03-04T05:06:07.123456", "2026-03-04T05:06:07.123456789+00:00"},
		{"2026-03-04T05:06:00", "2026-03-04T05:06"},
		{"2026-03-04T00:00:00", "2026-03-04"},
		{"2026-03-04T00:00:00", "20260304"},
		{"0001-01-01T00:00:00", "0001-01-01T00:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			got, err := ParseDatetime(tt.text)
			if err != nil || got != tt.want {
				t.Errorf("ParseDatetime(%q) = %q, %v; want %q", tt.text, got, err, tt.want)
			}
		})
	}
}

func TestTextThatNamesNoMomentIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", " ", "0", "now", "2026", "2026-13-01", "2026-02-30", "2026-03-04T25:00:00", "2026-03-04T05:06:07+99:00",
		"20261304", "123456789012", "-12345678", "+123456789", "0000-01-01", "0001-01-01T00:00:00+10:00",
		"9999-12-31T23:59:59-01:00", "1/2/2026", strings.Repeat("2", 100),
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			if got, err := ParseDatetime(text); !errors.Is(err, ErrDatetime) {
				t.Errorf("ParseDatetime(%q) = %q, %v; want ErrDatetime", text, got, err)
			}
		})
	}
}

func TestDatetimeIsNaiveUTC(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 2*60*60)
	tests := []struct {
		want string
		at   time.Time
	}{
		{"2026-03-04T05:06:07", time.Date(2026, 3, 4, 7, 6, 7, 0, zone)},
		{"2026-03-04T05:06:07", time.Date(2026, 3, 4, 7, 6, 7, 999, zone)},
		{"2026-03-04T05:06:07.000001", time.Date(2026, 3, 4, 7, 6, 7, 1999, zone)},
		{"1969-12-31T23:59:59", time.Unix(-1, 0)},
	}
	for _, tt := range tests {
		if got := Datetime(tt.at); got != tt.want {
			t.Errorf("Datetime(%v) = %q, want %q", tt.at, got, tt.want)
		}
	}
}

func FuzzParseDatetime(f *testing.F) {
	for _, text := range []string{"2026-03-04T05:06:07.123456", "20260304", "1772600767", "2026-03-04 07:06:07 +0200", "x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once, err := ParseDatetime(text)
		if err != nil {
			return
		}
		twice, err := ParseDatetime(once)
		if err != nil || twice != once {
			t.Errorf("ParseDatetime(%q) = %q, again %q, %v", text, once, twice, err)
		}
		if n := len(once); n != len(secondsLayout) && n != len(microsLayout) {
			t.Errorf("ParseDatetime(%q) = %q: not canonical", text, once)
		}
	})
}
