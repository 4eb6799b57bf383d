// SPDX-License-Identifier: Apache-2.0

package normal

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// maxSerialBytes bounds a serial number, wherever it comes from.
const maxSerialBytes = 256

// Identity chooses the serial number that a machine is known by: the cloud instance id, else the firmware's serial
// number, else its product UUID, else `MID-` and the first 32 digits of the machine-id hash. Placeholders and
// ill-formed values are passed over; false when nothing is left.
//
// It is for a machine that enrols: the identity chosen then is kept, whatever later evidence would give.
func Identity(e *syncv1.Evidence) (serial string, ok bool) {
	k := knownOf(e)
	switch {
	case k.cloud != "":
		return k.cloud, true
	case k.serial != "":
		return k.serial, true
	case k.uuid != "":
		return k.uuid, true
	case k.machineID != "":
		return "MID-" + k.machineID[:32], true
	default:
		return "", false
	}
}

// EvidenceDigest returns the first 8 bytes, big endian, of SHA-256 over what does not change by itself: firmware
// serial, product UUID and machine-id hash, in this order, each cleaned and written as its length in four bytes big
// endian and its bytes (length 0: not known). The cloud instance id is left out, because a metadata service that
// does not answer for a while must not look like another machine.
func EvidenceDigest(e *syncv1.Evidence) uint64 {
	k := knownOf(e)
	var raw []byte
	for _, part := range []string{k.serial, k.uuid, k.machineID} {
		raw = binary.BigEndian.AppendUint32(raw, uint32(len(part)))
		raw = append(raw, part...)
	}
	sum := sha256.Sum256(raw)
	return binary.BigEndian.Uint64(sum[:8])
}

// Same tells whether two pieces of evidence speak of one machine; what only one side knows decides nothing.
//
// Two different cloud instance ids or product UUIDs are two machines, whatever else is equal. Otherwise one equal
// strong value, cloud instance id, UUID or firmware serial, makes them one. The machine id is weak, because an image
// carries it to every clone: it decides only when the two sides have no strong value to compare.
func Same(a, b *syncv1.Evidence) bool {
	ka, kb := knownOf(a), knownOf(b)
	if differ(ka.cloud, kb.cloud) || differ(ka.uuid, kb.uuid) {
		return false
	}
	if agree(ka.cloud, kb.cloud) || agree(ka.uuid, kb.uuid) || agree(ka.serial, kb.serial) {
		return true
	}
	return !differ(ka.serial, kb.serial) && agree(ka.machineID, kb.machineID)
}

// differ and agree compare two values that are both known; empty is not known.
func differ(a, b string) bool { return a != "" && b != "" && a != b }
func agree(a, b string) bool  { return a != "" && a == b }

// ValidSerial tells whether a text may be a machine's serial number: 1 to 256 bytes of UTF-8, no space around it,
// only visible characters and spaces. Every door asks this; only evidence is held against the placeholders too.
func ValidSerial(s string) bool {
	if s == "" || len(s) > maxSerialBytes || !utf8.ValidString(s) || strings.TrimSpace(s) != s {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) }) < 0
}

// CleanSerial returns a firmware's serial number without the space around it; false when it is no valid serial or a
// text that manufacturers leave in many machines, for example `To be filled by O.E.M.` or `00000000`.
func CleanSerial(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if !ValidSerial(s) {
		return "", false
	}
	if saysNothing(strings.Map(letterOrDigit, s)) {
		return "", false
	}
	return s, true
}

// CleanUUID returns a product UUID in lower case with its four hyphens; false when it is no UUID, a pattern (all 0, all F,
// counted up), or a constant that a vendor ships in many machines, in either order of its bytes.
func CleanUUID(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' {
		s = s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	}
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != 16 || patternUUID(s, [16]byte(raw)) {
		return "", false
	}
	s = hyphens(s)
	if constantUUIDs[s] || constantUUIDs[hyphens(hex.EncodeToString(turned(raw)))] {
		return "", false
	}
	return s, true
}

// known is cleaned evidence; an empty field is not known.
type known struct{ cloud, serial, uuid, machineID string }

func knownOf(e *syncv1.Evidence) known {
	var k known
	k.cloud, _ = CleanSerial(e.GetCloudInstanceId())
	k.serial, _ = CleanSerial(e.GetHardwareSerial())
	k.uuid, _ = CleanUUID(e.GetProductUuid())
	if id := strings.ToLower(e.GetMachineIdHash()); len(id) == 2*sha256.Size && isHex(id) {
		k.machineID = id
	}
	return k
}

func isHex(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil
}

// hyphens spells 32 digits as a UUID.
func hyphens(s string) string {
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
