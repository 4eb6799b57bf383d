// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"google.golang.org/protobuf/proto"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/normal"
)

const (
	xenUUID  = "ec2e1916-9099-7caf-fd21-0123456789ab"
	xenClone = "ec2a0000-1111-4222-8333-0123456789ab"
)

// xenInstance is an EC2 instance on Xen, whose firmware does not say which one it is.
func xenInstance(uuid string, more ...string) fstest.MapFS {
	return tree(append([]string{
		"sys/class/dmi/id/sys_vendor", "Xen\n", "sys/class/dmi/id/bios_version", "4.11.amazon\n",
		"sys/class/dmi/id/product_uuid", uuid + "\n", "sys/class/dmi/id/product_serial", uuid + "\n", "etc/machine-id", machineID,
	}, more...)...)
}

// cloud answers for the metadata service with a handler, and counts.
type cloud struct {
	answer http.HandlerFunc
	asked  atomic.Int64
}

func (c *cloud) RoundTrip(r *http.Request) (*http.Response, error) {
	c.asked.Add(1)
	if r.Context().Err() != nil {
		return nil, r.Context().Err()
	}
	recorder := httptest.NewRecorder()
	c.answer(recorder, r)
	if r.Context().Err() != nil {
		return nil, r.Context().Err()
	}
	return recorder.Result(), nil
}

// says is a service that works.
func says(id string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token":
			fmt.Fprint(w, "token")
		case r.URL.Path == "/latest/meta-data/instance-id" && r.Header.Get("X-Aws-Ec2-Metadata-Token") == "token":
			fmt.Fprint(w, id)
		default:
			w.WriteHeader(http.StatusUnauthorized)
		}
	}
}

// hangs is a service that never answers.
func hangs(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestTheCloudIsAskedWhichInstanceThisIs(t *testing.T) {
	t.Parallel()
	nitro := tree("sys/class/dmi/id/sys_vendor", "Amazon EC2", "sys/class/dmi/id/board_asset_tag", "i-0fff", "sys/class/dmi/id/product_uuid", xenUUID)
	known := &Enrolled{Evidence: &syncv1.Evidence{CloudInstanceId: "EC2-i-0abc", HardwareSerial: xenUUID, ProductUuid: xenUUID}}
	tests := []struct {
		name   string
		root   fstest.MapFS
		answer http.HandlerFunc
		known  *Enrolled
		asks   bool
		fails  bool
		serial string
	}{
		{name: "xen", root: xenInstance(xenUUID), answer: says("i-0abc"), asks: true, serial: "EC2-i-0abc"},
		{name: "nitro knows it", root: nitro, answer: says("i-0abc"), serial: "EC2-i-0fff"},
		{name: "elsewhere", root: tree("sys/class/dmi/id/sys_vendor", "LENOVO", "sys/class/dmi/id/product_serial", "PF1X"), answer: says("i-0abc"), serial: "PF1X"},
		{name: "container in an instance", root: xenInstance(xenUUID, ".dockerenv", ""), answer: says("i-0abc"), serial: "MID-" + machineIDSum[:32]},
		{name: "service that hangs", root: xenInstance(xenUUID), answer: hangs, asks: true, fails: true, serial: xenUUID},
		{name: "service that refuses", root: xenInstance(xenUUID), answer: http.NotFound, asks: true, fails: true, serial: xenUUID},
		{name: "an answer that is no id", root: xenInstance(xenUUID), answer: says("<html>"), asks: true, fails: true, serial: xenUUID},
		{name: "known machine, service that hangs", root: xenInstance(xenUUID), answer: hangs, known: known, asks: true, fails: true, serial: "EC2-i-0abc"},
		{name: "known machine's clone, service that refuses", root: xenInstance(xenClone), answer: http.NotFound, known: known, asks: true, fails: true, serial: xenClone},
		{name: "known machine's clone", root: xenInstance(xenClone), answer: says("i-0def"), known: known, asks: true, serial: "EC2-i-0def"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			service := &cloud{answer: tt.answer}
			h := &hosttest.Machine{Files: tt.root, Cloud: service}
			e, err := Gather(t.Context(), h, stateDir(t))
			if err != nil || service.asked.Load() != 0 {
				t.Fatalf("gather: %v, %d requests; want none", err, service.asked.Load())
			}
			err = Complete(t.Context(), h, tt.known, e)
			if (err != nil) != tt.fails || service.asked.Load() > 0 != tt.asks {
				t.Errorf("got %v after %d requests, want failure %t, requests %t", err, service.asked.Load(), tt.fails, tt.asks)
			}
			if got, _ := normal.Identity(e); got != tt.serial {
				t.Errorf("got %q, want %q", got, tt.serial)
			}
		})
	}
}

// An instance that enrolled with its id stays itself in cycles that do not ask for it.
func TestAnIDThatIsNotAskedForAgainIsKept(t *testing.T) {
	t.Parallel()
	h := &hosttest.Machine{Files: xenInstance(xenUUID), Cloud: &cloud{answer: says("i-0abc")}}
	then, err := Gather(t.Context(), h, stateDir(t))
	if err == nil {
		err = Complete(t.Context(), h, nil, then)
	}
	if err != nil {
		t.Fatal(err)
	}
	now, err := Gather(t.Context(), &hosttest.Machine{Files: xenInstance(xenUUID)}, stateDir(t))
	if err != nil || now.GetCloudInstanceId() != "" {
		t.Fatalf("got %v, %v; want evidence without the id", now, err)
	}
	shown := (&Enrolled{Evidence: then}).Confirm(now)
	if !proto.Equal(shown, then) || normal.EvidenceDigest(now) != normal.EvidenceDigest(then) {
		t.Errorf("got %v, want %v", shown, then)
	}
}

func TestEachSystemHasEvidenceOfItsOwn(t *testing.T) {
	t.Parallel()
	const platform = `<plist><array><dict><key>IOPlatformSerialNumber</key><string>C02XG0FDJHD3</string>
<key>IOPlatformUUID</key><string>7C1E8A52-63F4-4D0E-9B1F-0A2B3C4D5E6F</string></dict></array></plist>`
	registry, err := hosttest.ParseRegistry([]byte("Windows Registry Editor Version 5.00\n" +
		`[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Cryptography]` + "\n" + `"MachineGuid"="6b1f3c52-8a1d-4f0e-9c77-2b1a5d3e9f10"`))
	if err != nil {
		t.Fatal(err)
	}
	for system, tt := range map[string]struct {
		h      *hosttest.Machine
		prefix string
	}{
		"linux":   {&hosttest.Machine{Files: tree("etc/machine-id", machineID)}, "MID-"},
		"darwin":  {&hosttest.Machine{Programs: map[host.Program][]byte{host.PlatformExpert: []byte(platform)}}, "C02XG0FDJHD3"},
		"windows": {&hosttest.Machine{Reg: registry}, "MID-"},
	} {
		e, err := readOn(t.Context(), system, tt.h)
		if err != nil {
			t.Errorf("%s: %v", system, err)
		}
		if serial, ok := normal.Identity(e); !ok || !strings.HasPrefix(serial, tt.prefix) {
			t.Errorf("%s: got %q, want %q…", system, serial, tt.prefix)
		}
		if e, err := readOn(t.Context(), system, &hosttest.Machine{}); err != nil || !proto.Equal(e, &syncv1.Evidence{}) {
			t.Errorf("%s, empty machine: got %v, %v", system, e, err)
		}
	}
	broken := &hosttest.Machine{Programs: map[host.Program][]byte{host.PlatformExpert: []byte("<plist>")}}
	if _, err := readOn(t.Context(), "darwin", broken); err == nil {
		t.Errorf("evidence that cannot be made sense of: got %v, want an error", err)
	}
}
