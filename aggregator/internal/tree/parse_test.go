// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/proto/asset"
)

func linuxTree(t testing.TB) []byte {
	t.Helper()
	raw, err := os.ReadFile("testdata/linux.json")
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func parsed(t testing.TB, raw []byte) *Submitted {
	t.Helper()
	s, err := Parse(raw, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func bodies(s *Submitted, kind string) []string {
	var bodies []string
	for _, r := range rowsOf(s.Sections, kind) {
		bodies = append(bodies, string(r.asset.Body))
	}
	return bodies
}

func TestATreeIsNormalised(t *testing.T) {
	t.Parallel()
	s := parsed(t, linuxTree(t))
	tests := []struct {
		kind string
		want []string
	}{
		{"deb_packages", []string{
			`{"arch":"all","name":"adduser","size":0,"version":"3.137ubuntu1"}`,
			`{"arch":"amd64","name":"bash","status":"install ok installed","version":"5.2.21-2ubuntu4"}`,
			`{"arch":"amd64","name":"zlib1g","version":"1:1.3"}`,
		}},
		{"disks", []string{`{"name":"/dev/nvme0n1","size":107374182400}`}},
		{"system_info", []string{`{"computer_name":"web-1","cpu_logical_cores":4,"hostname":"","physical_memory":8589934592}`}},
		{"os_version", []string{`{"major":24,"minor":4,"name":"Ubuntu","patch":0}`}},
		{"certificates", []string{`{"common_name":"leaf","signed_by":{"common_name":"root"},"valid_from":"2025-01-01T00:00:00","valid_until":"2027-01-01T00:00:00"}`}},
		{"groups", []string{`{"links":[{"anchor_text":"a","url":"https://a"},{"anchor_text":"b","url":"https://b"}],"name":"web","reference":"g1","source":{"module":"m","name":"n"}}`}},
		{"puppet_node", []string{`{"environment":"production","trusted_facts":{"authenticated":"false","certname":"web-1","extensions":{"role":null}}}`}},
		{"extra_facts", []string{`{"a":{"f":1.5,"n":null},"z":[]}`}},
		{"imei", []string{`"490154203237518"`}},
		{"ios_apps", nil},
		{"principal_user", nil},
	}
	for _, tt := range tests {
		if got := bodies(s, tt.kind); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.kind, strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
		}
	}
}

func TestWhatIsNoSectionIsTakenOut(t *testing.T) {
	t.Parallel()
	s := parsed(t, linuxTree(t))
	if want := (Source{"example.inventory", "example", `{"host":"mdm.example.org","port":8443}`}); s.Source != want {
		t.Errorf("source %+v, want %+v", s.Source, want)
	}
	if s.SerialNumber != "EC2-i-0abc" || s.Reference != "n0deKey" || s.PublicIP != "203.0.113.7" {
		t.Errorf("got %q %q %q", s.SerialNumber, s.Reference, s.PublicIP)
	}
	if want := time.Date(2026, 3, 4, 5, 6, 7, 500_000_000, time.UTC); s.LastSeen == nil || !s.LastSeen.Equal(want) {
		t.Errorf("last seen %v, want %v", s.LastSeen, want)
	}
	if s.SystemUptime == nil || *s.SystemUptime != 3600 {
		t.Errorf("uptime %v", s.SystemUptime)
	}
}

func TestATimeThatIsNoneIsPassedOver(t *testing.T) {
	t.Parallel()
	for _, value := range []string{`null`, `"soon"`, `17`, `{"a":[1]}`, `true`} {
		s := parsed(t, minimal(`"last_seen":`+value))
		if s.LastSeen != nil {
			t.Errorf("%s gave %v", value, s.LastSeen)
		}
	}
}

// minimal returns the smallest tree with some more keys.
func minimal(more string) []byte {
	if more != "" {
		more = "," + more
	}
	return fmt.Appendf(nil, `{"source":{"module":"m","name":"n"},"serial_number":"s"%s}`, more)
}

func TestRefusalsNameThePath(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"signed_by":`, 40) + `{"common_name":"x"}` + strings.Repeat("}", 40)
	tests := []struct{ tree, want string }{
		{string(minimal(`"deb_packages":[{"name":"a"},{"versio":"b"}]`)), `deb_packages[1].versio: unknown key; did you mean "version"?`},
		{string(minimal(`"deb_package":[]`)), `deb_package: unknown key; did you mean "deb_packages"?`},
		{string(minimal(`"last_sene":""`)), `last_sene: unknown key; did you mean "last_seen"?`},
		{string(minimal(`"mt_hash":"x"`)), `mt_hash: unknown key`},
		{string(minimal(`"install_times":[]`)), `install_times: unknown key`},
		{string(minimal(`"disks":[{"name":"a","size":1,"last_seen":""}]`)), `disks[0].last_seen: unknown key`},
		{string(minimal(`"a b":1`)), `"a b": unknown key`},
		{string(minimal(`"disks":[{"name":"a"}]`)), `disks[0].size: required key is missing`},
		{string(minimal(`"disks":[{"name":"a","size":null}]`)), `disks[0].size: required key is missing`},
		{`{"source":{"module":"m"},"serial_number":"s"}`, `source.name: required key is missing`},
		{`{"source":{"module":"m","name":"n"}}`, `serial_number: required key is missing`},
		{`{}`, `source: required key is missing`},
		{`{"source":{"module":"m","name":"n"},"serial_number":" "}`, `serial_number: must not be empty`},
		{`{"source":{"module":"m","name":"n"},"serial_number":"a\u0007"}`, `serial_number: holds a control character`},
		{string(minimal(`"disks":{}`)), `disks: expected a list, got an object`},
		{string(minimal(`"disks":[1]`)), `disks[0]: expected an object, got a number`},
		{string(minimal(`"os_version":[]`)), `os_version: expected an object, got a list`},
		{string(minimal(`"os_version":{"major":"x"}`)), `os_version.major: expected an integer, got x`},
		{string(minimal(`"os_version":{"major":1.5}`)), `os_version.major: expected an integer, got "1.5"`},
		{string(minimal(`"os_version":{"major":true}`)), `os_version.major: expected an integer, got a boolean`},
		{string(minimal(`"os_version":{"major":9007199254740993}`)), `os_version.major: integer is beyond 2^53`},
		{string(minimal(`"os_version":{"major":99999999999999999999}`)), `os_version.major: integer is beyond 2^53`},
		{string(minimal(`"os_version":{"major":1,"name":5}`)), `os_version.name: expected a string, got a number`},
		{string(minimal(`"teamviewer":{"teamviewer_id":"1","unattended":"yes"}`)), `teamviewer.unattended: expected a boolean, got a string`},
		{string(minimal(`"certificates":[{"valid_from":"yesterday"}]`)), `certificates[0].valid_from: expected a date and time, got yesterday`},
		{string(minimal(`"certificates":[{"valid_from":5}]`)), `certificates[0].valid_from: expected a date and time, got a number`},
		{string(minimal(`"extra_facts":[1]`)), `extra_facts: expected an object`},
		{string(minimal(`"extra_facts":{"a":1,"a":2}`)), `extra_facts: key "a" stands twice`},
		{string(minimal(`"platform":"BEOS"`)), `platform: BEOS is none of LINUX, MACOS, WINDOWS, ANDROID, IOS, IPADOS, TVOS`},
		{string(minimal(`"public_ip_address":"here"`)), `public_ip_address: not an IP address`},
		{string(minimal(`"system_uptime":-1`)), `system_uptime: must not be negative`},
		{string(minimal(`"reference":"a","reference":"b"`)), `reference: key stands twice`},
		{string(minimal(`"imei":"a\u0000"`)), `imei: NUL in a string`},
		{string(minimal("\"imei\":\"\xff\"")), `not valid UTF-8`},
		{string(minimal(``)) + "{}", `text after the object`},
		{`[]`, `expected an object, got a list`},
		{``, `the JSON text ends too early`},
		{`{"source":`, `source: the JSON text ends too early`},
		{`{"source"}`, `source: not JSON near byte`},
		{string(minimal(`"certificates":[` + deep + `]`)), `nested deeper than 16`},
	}
	for _, tt := range tests {
		_, err := Parse([]byte(tt.tree), DefaultLimits())
		var refusal *Error
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.80s: got %v, want %s", tt.tree, err, tt.want)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	limits := Limits{Bytes: 1000, Rows: 3, StringBytes: 20, Depth: 2}
	tests := []struct {
		name, more string
		tooLarge   bool
	}{
		{"within", `"imei":"1","disks":[{"name":"a","size":1}]`, false},
		{"bytes", `"imei":"` + strings.Repeat(" ", 1000) + `"`, true},
		{"rows", `"ec2_instance_tags":[{},{},{},{}]`, true},
		{"rows over all lists", `"ec2_instance_tags":[{},{}],"disks":[{},{}]`, true},
		{"string", `"imei":"123456789012345678901"`, true},
		{"depth", `"certificates":[{"signed_by":{"common_name":"a"}}]`, true},
	}
	for _, tt := range tests {
		_, err := Parse(minimal(tt.more), limits)
		var refusal *Error
		if got := errors.As(err, &refusal) && refusal.TooLarge; got != tt.tooLarge {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
}

func TestARowBeyondTheLimitOfABodyIsTooLarge(t *testing.T) {
	t.Parallel()
	many := strings.TrimSuffix(strings.Repeat(`"`+strings.Repeat("x", 60_000)+`",`, 20), ",")
	_, err := Parse(minimal(`"jvms":[{"vm_id":"1","jvm_args":[`+many+`]}]`), DefaultLimits())
	var refusal *Error
	if !errors.As(err, &refusal) || !refusal.TooLarge {
		t.Errorf("got %v, want a refusal for size", err)
	}
}

func TestAMillionRowsAreRefusedEarly(t *testing.T) {
	t.Parallel()
	raw := minimal(`"ec2_instance_tags":[` + strings.Repeat(`{},`, 1_000_000) + `{}]`)
	_, err := Parse(raw, DefaultLimits())
	if want := "ec2_instance_tags[100000]: more than 100000 rows"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(linuxTree(f))
	f.Add(minimal(`"osx_app_instances":[{"app":{"bundle_id":"a"},"entitlements":{"a":[null,1e3]},"signing_time":"2026-01-01"}]`))
	f.Add(minimal(`"profiles":[{"uuid":"u","install_date":"1969-12-31T23:59:58","payloads":[{"uuid":"2"},{"uuid":"1"}]}]`))
	f.Add(minimal(`"jvms":[{"vm_id":"1","jvm_args":["-a","-a"]}],"dns_servers":null`))
	f.Add([]byte(`{"a":[}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := Parse(raw, DefaultLimits())
		if err != nil {
			var refusal *Error
			if !errors.As(err, &refusal) {
				t.Fatalf("an error of another type: %v", err)
			}
			return
		}
		for kind, section := range s.Sections {
			for _, a := range section.Assets {
				if err := asset.Validate(a.Body); err != nil {
					t.Fatalf("%s: %v in %s", kind, err, a.Body)
				}
			}
		}
		again := parsed(t, written(t, s))
		if !reflect.DeepEqual(s.Sections.Digests(), again.Sections.Digests()) {
			t.Fatalf("the tree written out is another one:\n%s", written(t, s))
		}
	})
}

// written returns the tree of what was submitted.
func written(t testing.TB, s *Submitted) []byte {
	t.Helper()
	raw, err := JSON(s.Sections, s.added())
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (s *Submitted) added() Added {
	return Added{Source: s.Source, SerialNumber: s.SerialNumber, Reference: s.Reference, PublicIP: s.PublicIP, Platform: s.Platform, Type: s.Type}
}
