// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// NoTime stands where a row has no install time; nothing is taken to be installed one second before 1970.
const NoTime int64 = -1

// datetimeLayout reads what FORMAT_DATETIME fields hold; a fraction is accepted without being named.
const datetimeLayout = "2006-01-02T15:04:05"

// membershipTime returns a row's install time in seconds since 1970; false when it has none.
func membershipTime(m protoreflect.Message) (int64, bool, error) {
	f := asset.MembershipField(m.Descriptor())
	if f == nil || !m.Has(f) {
		return 0, false, nil
	}
	t, err := time.Parse(datetimeLayout, m.Get(f).String())
	if err != nil {
		return 0, false, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return t.Unix(), true, nil
}

// installTimes returns the buckets that hold the times of a section's rows; buckets without a known time are left out.
func installTimes(s *Section, times map[asset.Digest]int64) ([]Asset, error) {
	if len(times) == 0 {
		return nil, nil
	}
	var out []Asset
	for start := 0; start < len(s.Assets); {
		end := bucketEnd(s.Assets, start)
		body, err := bucket(s.Kind, s.Assets[start:end], times)
		if err != nil {
			return nil, err
		}
		if body != nil {
			out = append(out, Asset{Digest: asset.Of(KindInstallTimes, body), Body: body})
		}
		start = end
	}
	return out, nil
}

// bucketEnd returns the index behind the last asset whose digest begins with the same byte as the one at start.
func bucketEnd(assets []Asset, start int) int {
	end := start + 1
	for end < len(assets) && assets[end].Digest[0] == assets[start].Digest[0] {
		end++
	}
	return end
}

// bucket returns the canonical body of one bucket, nil when no row has a time.
func bucket(kind string, rows []Asset, times map[asset.Digest]int64) ([]byte, error) {
	fact := &inventoryv1.InstallTimes{
		Kind:   proto.String(kind),
		Bucket: proto.String(hex.EncodeToString(rows[0].Digest[:1])),
		Times:  make([]int64, len(rows)),
	}
	known := false
	for i, row := range rows {
		seconds, ok := times[row.Digest]
		if !ok {
			seconds = NoTime
		}
		fact.Times[i] = seconds
		known = known || ok
	}
	if !known {
		return nil, nil
	}
	return asset.Canonical(fact)
}

// JoinTimes returns, for every asset of the section, its install time in seconds since 1970, or NoTime. times holds
// the assets of KindInstallTimes of the same snapshot. A bucket that does not fit the section's rows, or stands twice,
// and a time outside the years 1 to 9999 are passed over: they came from a source that broke the rule, and a missing
// time is better than a wrong one.
func JoinTimes(s *Section, times *Section) []int64 {
	out := make([]int64, len(s.Assets))
	for i := range out {
		out[i] = NoTime
	}
	if times == nil {
		return out
	}
	buckets := bucketsOf(s.Kind, times)
	for start := 0; start < len(s.Assets); {
		end := bucketEnd(s.Assets, start)
		if values := buckets[s.Assets[start].Digest[0]]; len(values) == end-start {
			copyTimes(out[start:end], values)
		}
		start = end
	}
	return out
}

// copyTimes copies the times that can be written as a date.
func copyTimes(out, values []int64) {
	const first, last = -62135596800, 253402300799 // 0001-01-01T00:00:00 and 9999-12-31T23:59:59
	for i, seconds := range values {
		if seconds >= first && seconds <= last {
			out[i] = seconds
		}
	}
}

// bucketsOf decodes the buckets of one kind, by the first byte of the digests. One that stands twice is nil.
func bucketsOf(kind string, times *Section) map[byte][]int64 {
	buckets := map[byte][]int64{}
	for _, a := range times.Assets {
		var fact struct {
			Kind   string  `json:"kind"`
			Bucket string  `json:"bucket"`
			Times  []int64 `json:"times"`
		}
		if json.Unmarshal(a.Body, &fact) != nil || fact.Kind != kind {
			continue
		}
		first, err := hex.DecodeString(fact.Bucket)
		if err != nil || len(first) != 1 {
			continue
		}
		if _, twice := buckets[first[0]]; twice {
			fact.Times = nil
		}
		buckets[first[0]] = fact.Times
	}
	return buckets
}
