// SPDX-License-Identifier: Apache-2.0

package normal

import (
	"strings"
	"testing"

	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

const (
	uuidA  = "7c1e8a52-63f4-4d0e-9b1f-0a2b3c4d5e6f"
	uuidB  = "7c1e8a52-63f4-4d0e-9b1f-0a2b3c4d5e70"
	hashA  = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	hashB  = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
	absent = ""
)

func evidence(cloud, serial, uuid, machineID string) *syncv1.Evidence {
	return &syncv1.Evidence{CloudInstanceId: cloud, HardwareSerial: serial, ProductUuid: uuid, MachineIdHash: machineID}
}

func TestIdentityIsTheStrongestEvidence(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		evidence *syncv1.Evidence
		want     string
	}{
		{"cloud first", evidence("EC2-i-0abc", "C02XG0", uuidA, hashA), "EC2-i-0abc"},
		{"then serial, trimmed, in its own case", evidence(absent, " c02XG0\n", uuidA, hashA), "c02XG0"},
		{"placeholder serial: UUID in lower case", evidence(absent, "To Be Filled By O.E.M.", strings.ToUpper(uuidA), hashA), uuidA},
		{"vendor's constant UUID: machine id", evidence(absent, "0", "03000200-0400-0500-0006-000700080009", hashA), "MID-" + hashA[:32]},
		{"machine id in lower case", evidence(absent, absent, absent, strings.ToUpper(hashA)), "MID-" + hashA[:32]},
		{"cut machine id", evidence(absent, absent, absent, hashA[:63]), ""},
		{"raw machine id instead of its hash", evidence(absent, absent, absent, hashA[:32]), ""},
		{"machine id of other letters", evidence(absent, absent, absent, strings.Repeat("g", 64)), ""},
		{"nothing", &syncv1.Evidence{}, ""},
		{"nil", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := Identity(tt.evidence)
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("got %q, %v; want %q", got, ok, tt.want)
			}
		})
	}
}

func TestPlaceholderIsNoSerial(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", " ", "None", "NONE", "To be filled by O.E.M.", "to be filled by o.e.m", "ToBeFilledByO.E.M.", "System Serial Number",
		"Default string", "Not Specified", "0", "00000000", "1111", "123456789", "0123456789", "INVALID", "N/A", "n.a.", "...",
		"----", "XXXXXXXX", "xxxxxxx", "Unknown", "Serial Number", "\t0 \n",
		"a\x00b", "a\nb", "a\x7fb", "a\u0085b", "a\u202eb", "a\u200bb", "a\xffb", strings.Repeat("ab", 129),
	} {
		if got, ok := CleanSerial(s); ok || got != "" {
			t.Errorf("CleanSerial(%q) = %q, %v; want none", s, got, ok)
		}
	}
}

func TestRealSerialIsKept(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"C02XG0FDJHD3":             "C02XG0FDJHD3",
		"  5CG1234ABC  ":           "5CG1234ABC",
		"VMware-56 4d 0b 7e":       "VMware-56 4d 0b 7e",
		"/7W4K2N3/CNFCW0012345AB/": "/7W4K2N3/CNFCW0012345AB/",
		"R90ÄÖ-7":                  "R90ÄÖ-7",
		"0000000001":               "0000000001",
		"MT-None-7":                "MT-None-7",
		strings.Repeat("ab7x", 64): strings.Repeat("ab7x", 64),
	} {
		if got, ok := CleanSerial(in); !ok || got != want {
			t.Errorf("CleanSerial(%q) = %q, %v; want %q", in, got, ok, want)
		}
	}
}

func TestValidSerialAllowsWhatIsAPlaceholderInEvidence(t *testing.T) {
	t.Parallel()
	if !ValidSerial("0123456789") {
		t.Error("ValidSerial(0123456789) = false, want true")
	}
	for _, s := range []string{"", " a", "a ", "a\tb", strings.Repeat("a", 257)} {
		if ValidSerial(s) {
			t.Errorf("ValidSerial(%q) = true, want false", s)
		}
	}
}

func TestUUIDIsLowerCaseWithHyphens(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		uuidA:                                  uuidA,
		" " + strings.ToUpper(uuidA) + "\n":    uuidA,
		strings.ReplaceAll(uuidA, "-", ""):     uuidA,
		"00000000-0000-0000-0000-000000000000": "",
		"FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF": "",
		"fefefefe-fefe-fefe-fefe-fefefefefefe": "",
		"03000200-0400-0500-0006-000700080009": "",
		"00020003-0004-0005-0006-000700080009": "",
		"7c1e8a52-63f4-4d0e-9b1f-0a2b3c4d5e6":  "",
		"7c1e8a52-63f4-4d0e-9b1f-0a2b3c4d5e6g": "",
		"7c1e8a5263f4-4d0e-9b1f-0a2b-3c4d5e6f": "",
		"Not Settable":                         "",
		"":                                     "",
	} {
		got, ok := CleanUUID(in)
		if ok != (want != "") || got != want {
			t.Errorf("CleanUUID(%q) = %q, %v; want %q", in, got, ok, want)
		}
	}
}

// The pinned value was computed by another program from the description of the format.
func TestEvidenceDigestIsPinned(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		evidence *syncv1.Evidence
		want     uint64
	}{
		{"nothing known", &syncv1.Evidence{}, 0x15ec7bf0b50732b4},
		{"all known", evidence(absent, "C02XG0", uuidA, hashA), 0xb8db85478bb48387},
		{"cloud id has no part in it", evidence("EC2-i-0abc", "C02XG0", uuidA, hashA), 0xb8db85478bb48387},
		{"spelling has no part in it", evidence(absent, " C02XG0 ", strings.ToUpper(uuidA), strings.ToUpper(hashA)), 0xb8db85478bb48387},
		{"placeholder is not known", evidence(absent, "None", "", ""), 0x15ec7bf0b50732b4},
		{"serial only", evidence(absent, "C02XG0", absent, absent), 0x151f05a344604d98},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := EvidenceDigest(tt.evidence); got != tt.want {
				t.Errorf("got %#x, want %#x", got, tt.want)
			}
		})
	}
}

func TestSameMachine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		a, b *syncv1.Evidence
		want bool
	}{
		{"all equal", evidence("EC2-i-1", "S1", uuidA, hashA), evidence("EC2-i-1", "S1", uuidA, hashA), true},
		{"metadata service away", evidence("EC2-i-1", "S1", uuidA, hashA), evidence(absent, "S1", uuidA, hashA), true},
		{"new disk: other machine id", evidence(absent, "S1", uuidA, hashA), evidence(absent, "S1", uuidA, hashB), true},
		{"other spelling", evidence(absent, absent, uuidA, absent), evidence(absent, absent, strings.ToUpper(uuidA), absent), true},
		{"UUID outweighs serial", evidence(absent, "S1", uuidA, hashA), evidence(absent, "S1", uuidB, hashA), false},
		{"instance id outweighs serial", evidence("EC2-i-1", "S1", absent, absent), evidence("EC2-i-2", "S1", absent, absent), false},
		{"new board serial, UUID kept", evidence(absent, "S1", uuidA, absent), evidence(absent, "S2", uuidA, absent), true},
		{"image on other hardware", evidence(absent, "S1", absent, hashA), evidence(absent, "S2", absent, hashA), false},
		{"only machine ids", evidence(absent, absent, absent, hashA), evidence(absent, absent, absent, hashA), true},
		{"machine id, firmware known on one side", evidence(absent, "S1", uuidA, hashA), evidence(absent, absent, absent, hashA), true},
		{"other machine ids", evidence(absent, absent, absent, hashA), evidence(absent, absent, absent, hashB), false},
		{
			"placeholders in common", evidence(absent, "None", "03000200-0400-0500-0006-000700080009", absent),
			evidence(absent, "None", "03000200-0400-0500-0006-000700080009", absent), false,
		},
		{"nothing in common", evidence(absent, "S1", absent, absent), evidence(absent, absent, uuidA, absent), false},
		{"nothing known", &syncv1.Evidence{}, nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Same(tt.a, tt.b); got != tt.want {
				t.Errorf("Same(a, b) = %v, want %v", got, tt.want)
			}
			if got := Same(tt.b, tt.a); got != tt.want {
				t.Errorf("Same(b, a) = %v, want %v", got, tt.want)
			}
		})
	}
}
