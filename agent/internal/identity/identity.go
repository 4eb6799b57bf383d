// SPDX-License-Identifier: Apache-2.0

// Package identity knows which machine this is: the evidence that firmware and system give, and the identity and
// credential that the aggregator issued for it. It chooses nothing: the aggregator does, once, at enrolment.
package identity

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/rollcall-inventory/rollcall/agent/internal/state"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/normal"
)

// fileName is the identity's file in the state folder.
const fileName = "identity.json"

// ErrNotEnrolled says that the state folder holds no identity.
var ErrNotEnrolled = errors.New("this machine is not enrolled: run `rollcall-agent enroll` first")

// Enrolled is the identity that the aggregator issued. The credentials are secrets.
type Enrolled struct {
	SerialNumber string           `json:"serial_number"`
	Credential   string           `json:"credential"`
	Previous     string           `json:"previous_credential,omitempty"` // that Credential was issued in place of; it may be all that a restored aggregator knows
	Server       string           `json:"server"`                        // URL of the aggregator's main listener
	GRPCAddress  string           `json:"grpc_address"`                  // host:port as announced; an empty host is the server's
	CAFile       string           `json:"ca_file,omitempty"`             // certificate authorities that were trusted at enrolment
	PlainHTTP    bool             `json:"insecure_plain_http,omitempty"`
	EnrolledAt   time.Time        `json:"enrolled_at"`
	Evidence     *syncv1.Evidence `json:"-"` // what was known then
}

// enrolledFile is Enrolled with its evidence as the file has it.
type enrolledFile struct {
	*Enrolled
	Evidence json.RawMessage `json:"evidence"`
	Digest   string          `json:"evidence_digest"` // for people; 16 hexadecimal digits
}

// Load reads the identity from the state folder. A machine that has none gives ErrNotEnrolled; a file that cannot be
// read gives another error, because taking it for a missing one would enrol the machine twice.
func Load(dir *state.Dir) (*Enrolled, error) {
	raw, err := dir.Read(fileName, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotEnrolled
	}
	if err != nil {
		return nil, fmt.Errorf("read identity: %w", err)
	}
	e := &Enrolled{Evidence: &syncv1.Evidence{}}
	file := enrolledFile{Enrolled: e}
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("read identity %s/%s: %w", dir.Path(), fileName, err)
	}
	if e.SerialNumber == "" || e.Credential == "" || e.Server == "" {
		return nil, fmt.Errorf("read identity %s/%s: serial number, credential or server is missing", dir.Path(), fileName)
	}
	if len(file.Evidence) > 0 {
		options := protojson.UnmarshalOptions{DiscardUnknown: true}
		if err := options.Unmarshal(file.Evidence, e.Evidence); err != nil {
			return nil, fmt.Errorf("read identity: evidence: %w", err)
		}
	}
	return e, nil
}

// Save writes the identity so that it survives a loss of power; only the file's owner may read it.
func (e *Enrolled) Save(dir *state.Dir) error {
	evidence, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(e.Evidence)
	if err != nil {
		return fmt.Errorf("save identity: %w", err)
	}
	digest := fmt.Sprintf("%016x", normal.EvidenceDigest(e.Evidence))
	raw, err := json.MarshalIndent(enrolledFile{Enrolled: e, Evidence: evidence, Digest: digest}, "", "  ")
	if err != nil {
		return fmt.Errorf("save identity: %w", err)
	}
	if err := dir.Write(fileName, append(raw, '\n')); err != nil {
		return fmt.Errorf("save identity: %w", err)
	}
	return nil
}

// Remove forgets the identity: the machine is not enrolled any more. That there is none already is no error.
func Remove(dir *state.Dir) error { return dir.Remove(fileName) }

// Confirm returns what this machine shows of the evidence that it enrolled with. What only one side knows decides
// nothing: a value that cannot be read today stands as it was, one that was not known at enrolment is left out until
// the machine enrols again. So a run without privilege is not another machine. A random serial number is no evidence of
// anything: it neither confirms the machine nor makes it another.
func (e *Enrolled) Confirm(now *syncv1.Evidence) *syncv1.Evidence {
	then := e.Evidence
	return &syncv1.Evidence{
		CloudInstanceId: confirmed(then.GetCloudInstanceId(), now.GetCloudInstanceId()),
		HardwareSerial:  confirmedSerial(then.GetHardwareSerial(), now.GetHardwareSerial()),
		ProductUuid:     confirmed(then.GetProductUuid(), now.GetProductUuid()),
		MachineIdHash:   confirmed(then.GetMachineIdHash(), now.GetMachineIdHash()),
	}
}

func confirmed(then, now string) string {
	if then == "" || now == "" {
		return then
	}
	return now
}

func confirmedSerial(then, now string) string {
	if strings.HasPrefix(then, randomPrefix) || strings.HasPrefix(now, randomPrefix) {
		return then
	}
	return confirmed(then, now)
}
