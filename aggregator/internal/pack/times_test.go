// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"encoding/json"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// body returns the canonical body of a fact.
func (f *timesFact) body() []byte {
	times, err := json.Marshal(f.Times)
	if err != nil {
		panic(err)
	}
	return fmt.Appendf(nil, `{"bucket":%q,"kind":%q,"times":%s}`, f.Bucket, f.Kind, times)
}

// Install times are packed in a form of their own; whatever a source writes must come back byte for byte.
func TestPackedInstallTimesComeBack(t *testing.T) {
	t.Parallel()
	odd := []string{
		`{"bucket":"a7","kind":"deb_packages"}`, `{"bucket":"A7","kind":"deb_packages","times":[1]}`, `{}`, `"text"`,
		`{"bucket":"a7","extra":1,"kind":"deb_packages","times":[1]}`, `{"bucket":"zz","kind":"x","times":[1]}`,
		`{"bucket":"a7","kind":"a\"b","times":[1]}`, `{"bucket":"a7","kind":"x","times":[]}`, `{"bucket":"a7","kind":"x","times":[01]}`,
		`{"bucket":"a7","kind":"x","times":[-0]}`, `{"bucket":"a7","kind":"x","times":[1,]}`, `{"bucket":"a7","kind":"x","times":[1.5]}`,
		`{"bucket":"a7","kind":"x","times":[1]]}`, `{"bucket":"a7","kind":"x","times":[1,"times":[2]}`, `{"bucket":"a","kind":"x","times":[1]}`,
		`{"bucket":"a7","kind":"x","times":[9223372036854775808]}`, `{"bucket":"a7","kind":"ü","times":[1]}`, `{"bucket":"a7","kind":"x","times":[`,
	}
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(rapid.Int64Range(-1, 1<<40), 1, 12)
		facts := make([]snapshot.Asset, rapid.IntRange(0, 40).Draw(t, "facts"))
		for i := range facts {
			body := rapid.SampledFrom(odd).Draw(t, "odd")
			if rapid.IntRange(0, 9).Draw(t, "form") > 0 {
				f := timesFact{
					Kind:   rapid.SampledFrom([]string{"deb_packages", "rpm_packages"}).Draw(t, "kind"),
					Bucket: fmt.Sprintf("%02x", rapid.Byte().Draw(t, "bucket")), Times: times.Draw(t, "times"),
				}
				body = string(f.body())
			}
			facts[i] = fact(snapshot.KindInstallTimes, []byte(body))
		}
		r := reader{in: appendTimes(nil, facts)}
		got := r.times(snapshot.KindInstallTimes)
		if r.end() != nil || len(got) != len(facts) {
			t.Fatalf("got %d facts, want %d: %v", len(got), len(facts), r.err)
		}
		for i := range facts {
			if string(got[i].Body) != string(facts[i].Body) || got[i].Digest != facts[i].Digest {
				t.Fatalf("fact %d: got %s, want %s", i, got[i].Body, facts[i].Body)
			}
		}
	})
}
