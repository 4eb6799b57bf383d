// SPDX-License-Identifier: Apache-2.0

package load

import (
	"crypto/rand"
	"fmt"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/fleet"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// memory is what a machine remembers between calls; an agent has it on disk.
type memory struct {
	credential string // empty: not enrolled
	serial     string
	instance   [16]byte
	counter    uint64 // of the last request
	day        int    // of the snapshot that the aggregator acknowledged; -1: none
	root       asset.Digest
}

// machine is a simulated machine. One goroutine at a time works for it.
type machine struct {
	index int
	clone bool
	busy  bool  // at work or waiting for its next attempt; the dispatcher's
	since uint8 // check-ins without vitals

	mu sync.Mutex // held to change what, and by others to read it
	m  memory
}

func newMachine(index int) *machine {
	return &machine{index: index, since: uint8(index % vitalsEvery), m: memory{day: -1}}
}

// newInstance draws the id of an agent process.
func newInstance() (id [16]byte) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

// begin gives the machine an agent process, if it has none.
func (m *machine) begin() {
	m.remember(func(known *memory) {
		if known.instance == ([16]byte{}) {
			known.instance = newInstance()
		}
	})
}

// memory returns what the machine remembers.
func (m *machine) memory() memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.m
}

// remember changes what the machine remembers.
func (m *machine) remember(change func(*memory)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.m)
}

// stamp returns the stamp of the machine's next request.
func (m *machine) stamp(evidence uint64) *syncv1.Stamp {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.m.counter++
	instance := m.m.instance
	return &syncv1.Stamp{Instance: instance[:], Counter: m.m.counter, Evidence: evidence}
}

// vitalsEvery is how many check-ins an agent lets pass without vitals when they hardly move.
const vitalsEvery = 6

// vitalsOf makes up the moving values of a machine at its n-th request.
func vitalsOf(spec fleet.Machine, n uint64) *syncv1.Vitals {
	const gigabyte = 1 << 30
	boot := int64(1_760_000_000 + spec.Index%1_000_000)
	filesystem := func(mount string, size int64) *syncv1.FilesystemUse {
		free := size/3 + int64(n*uint64(spec.Index+1)%1000)*gigabyte/1000
		return &syncv1.FilesystemUse{MountPoint: mount, SizeBytes: size, FreeBytes: free}
	}
	return &syncv1.Vitals{
		BootTimeUnix: boot, UptimeSeconds: int64(n) * 300,
		LoadHundredths: []uint32{uint32(n % 400), uint32(n % 300), uint32(n % 200)},
		Filesystems:    []*syncv1.FilesystemUse{filesystem("/", 40*gigabyte), filesystem("/boot", gigabyte), filesystem("/var", 200*gigabyte)},
	}
}

// healthOf is what a well agent says once.
func healthOf(transport string) *syncv1.Health {
	return &syncv1.Health{Transport: transport, AgentVersion: "fleetsim"}
}

// enrollRequest asks for a credential with a secret, or in exchange for the one in use.
func (m *machine) enrollRequest(spec fleet.Machine, secret string, evidence uint64) *syncv1.EnrollRequest {
	return &syncv1.EnrollRequest{
		Secret: secret, Evidence: spec.Evidence(), Stamp: m.stamp(evidence),
		AgentVersion: "fleetsim", Hostname: spec.Hostname(),
	}
}

// adopt makes a freshly issued identity the machine's own; what was acknowledged to another one is forgotten.
func (m *machine) adopt(answer *syncv1.EnrollResponse) error {
	if answer.GetSerialNumber() == "" || answer.GetCredential() == "" {
		return fmt.Errorf("enrol: an answer of %d bytes holds no serial number or no credential", proto.Size(answer))
	}
	m.remember(func(known *memory) {
		known.serial, known.credential = answer.GetSerialNumber(), answer.GetCredential()
		known.day, known.root = -1, asset.Digest{}
	})
	return nil
}
