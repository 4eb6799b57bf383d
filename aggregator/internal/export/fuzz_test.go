// SPDX-License-Identifier: Apache-2.0

package export

import (
	"testing"
)

// FuzzDecodeFact reads bodies as facts of every kind: what is no such fact is an error, never a panic.
func FuzzDecodeFact(f *testing.F) {
	for _, body := range []string{
		`{}`, `{"name":"bash","version":"5.2","size":12,"is_admin":true}`, `{"app":{"bundle_id":"com.apple.Safari"},"signing_time":"2024-01-02T03:04:05.5"}`,
		`{"program":{"name":"7-Zip"},"install_date":null}`, `{"app":[]}`, `{"name":1}`, `{"name":"\ud800"}`, `{"size":1e9}`, `[`, `null`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, kind := range Kinds() {
			k, err := tableOf(kind)
			if err != nil {
				t.Fatal(err)
			}
			if decoded, err := k.decode(body); err == nil && len(decoded.cells) != len(k.columns) {
				t.Errorf("%s: %d cells for %d columns", kind, len(decoded.cells), len(k.columns))
			}
		}
	})
}

// FuzzOptions reads what clients ask for: whatever is taken survives being kept.
func FuzzOptions(f *testing.F) {
	for _, options := range []string{
		``, `{}`, `null`, `{"source":1,"last_seen":"7d","search":"x","order":"mc-d"}`, `{"source_name":"osquery"}`, `{"search":"\u0000"}`, `{} {}`, `[1]`,
		`{"source":99999999999}`,
	} {
		f.Add([]byte(options))
	}
	f.Fuzz(func(t *testing.T, options []byte) {
		for _, dataset := range []string{"rpm_packages", "machine_rpm_packages"} {
			d, _ := DatasetNamed(dataset)
			e, err := d.Ask(Request{Format: d.Formats[0], Options: options})
			if err != nil {
				continue
			}
			if report, ok := e.(*AppReport); ok && (len(report.Search) > 4*maxSearch || report.Source < 0 && report.LastSeen < 0) {
				t.Errorf("taken: %+v", report)
			}
		}
	})
}

// TestDecodersAgree holds the decoder that Debian packages have of their own against the one that all kinds have.
func TestDecodersAgree(t *testing.T) {
	t.Parallel()
	k, err := tableOf("deb_packages")
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{
		`{}`, `{"name":"bash","version":"5.2","source":"bash","size":12,"arch":"amd64","revision":"1","status":"ok","maintainer":"\u00e4\"","section":"s","priority":"p","homepage":"x"}`,
	} {
		own, errOwn := decodeDebPackage([]byte(body))
		general, errGeneral := newDecoder(k.fields).decode([]byte(body))
		if errOwn != nil || errGeneral != nil || own.name != general.name || own.version != general.version {
			t.Fatalf("got %+v, %v and %+v, %v", own, errOwn, general, errGeneral)
		}
		for i := range own.cells {
			if own.cells[i] != general.cells[i] {
				t.Errorf("%s: got %v and %v", k.columns[i], own.cells[i], general.cells[i])
			}
		}
	}
}
