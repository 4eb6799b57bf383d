// SPDX-License-Identifier: Apache-2.0

package config

import (
	"reflect"
	"testing"

	"gopkg.in/yaml.v3"
)

func FuzzMappings(f *testing.F) {
	f.Add(`{"deb_packages": {"sources": ["osquery"], "names": ["firefox",],},}`)
	f.Add("[{name: a, kind: webhook, url: 'https://x', timeout: 1d, keep: 3, filter: {types: [a], machine_tags: [1]}}]")
	f.Add("{include_groups: ~}")
	f.Add("&a {deb_packages: *a}")
	f.Fuzz(func(t *testing.T, text string) {
		var doc yaml.Node
		if len(text) > 16<<10 || yaml.Unmarshal([]byte(text), &doc) != nil || len(doc.Content) == 0 {
			return
		}
		for _, target := range []any{&MetricsOptions{}, &Sinks{}, &EventSerialization{}} {
			d := wholeDecoder{path: "file"}
			err := d.decode(doc.Content[0], "key", reflect.ValueOf(target).Elem())
			if err == nil {
				if sinks, ok := target.(*Sinks); ok {
					_ = (&Events{Sinks: *sinks}).validate() // whatever it says
				}
			}
		}
	})
}
