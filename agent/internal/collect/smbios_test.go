// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"google.golang.org/protobuf/proto"

	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

// dumped returns a table of testdata without the entry point that dmidecode puts before it.
func dumped(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "smbios", name+".bin"))
	if err != nil {
		t.Fatal(err)
	}
	return raw[32:]
}

// structure builds one structure of a table: header, formatted part, strings.
func structure(kind, handle byte, formatted []byte, texts ...string) []byte {
	s := append([]byte{kind, byte(len(formatted) + 4), handle, 0}, formatted...)
	for _, t := range texts {
		s = append(append(s, t...), 0)
	}
	if len(texts) == 0 {
		s = append(s, 0)
	}
	return append(s, 0)
}

// decoded is one structure as dmidecode prints it: its type and its fields.
type decoded struct {
	kind   string
	fields map[string]string
}

// dmidecoded reads what dmidecode printed.
func dmidecoded(t testing.TB, name string) []decoded {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "smbios", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	var all []decoded
	for line := range strings.Lines(string(raw)) {
		if _, rest, ok := strings.Cut(line, "DMI type "); ok {
			kind, _, _ := strings.Cut(rest, ",")
			all = append(all, decoded{kind, map[string]string{}})
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if ok && len(all) > 0 && strings.HasPrefix(line, "\t") && !strings.HasPrefix(line, "\t\t") {
			value = strings.TrimSpace(value)
			if placeholder(value) {
				value = ""
			}
			all[len(all)-1].fields[strings.TrimSpace(key)] = value
		}
	}
	return all
}

func TestSMBIOSSaysWhatDmidecodeSays(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"thinkpad-t480s", "thinkpad-w510", "supermicro-x9dbl", "gigabyte-ga-ma74gmt"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table, err := parseSMBIOS(dumped(t, name))
			if err != nil {
				t.Fatal(err)
			}
			got, want := slices.Sorted(slices.Values(facts(table))), slices.Sorted(slices.Values(expected(dmidecoded(t, name))))
			if !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// facts spells what the parser made of a table; expected spells the same of dmidecode's text.
func facts(table *smbiosTable) []string {
	s, b, board := table.system(), table.bios(), table.board()
	lines := []string{
		fmt.Sprintf("system %q %q %q %q %q %q %q", s.Manufacturer, s.Product, s.Version, s.Serial, s.UUID, s.SKU, s.Family),
		fmt.Sprintf("chassis %q %q", table.chassis(), s.AssetTag),
		fmt.Sprintf("bios %q %q %q", b.GetVendor(), b.GetVersion(), b.GetRelease()),
		fmt.Sprintf("board %q %q %q %q %q", board.GetVendor(), board.GetName(), board.GetVersion(), board.GetSerial(), board.GetAssetTag()),
	}
	for _, m := range table.memoryModules() {
		size := ""
		if m.GetSize() > 0 {
			size = fmt.Sprintf("%d MB", m.GetSize()>>20)
		}
		speed := ""
		if m.SpeedMts != nil {
			speed = fmt.Sprint(m.GetSpeedMts())
		}
		lines = append(lines, fmt.Sprintf("memory %q %q %q %q %q %q %q %q %q", m.GetSlot(), size, m.GetType(), m.GetFormFactor(), speed,
			m.GetVendor(), m.GetPartNumber(), m.GetSerial(), m.GetBank()))
	}
	for _, p := range table.processors() {
		for range p.GetSockets() {
			lines = append(lines, fmt.Sprintf("processor %q %d %d", p.GetBrand(), p.GetCores(), p.GetThreads()))
		}
	}
	return lines
}

// expected is facts out of dmidecode's text.
func expected(all []decoded) []string {
	first := func(kind string) func(string) string {
		i := slices.IndexFunc(all, func(d decoded) bool { return d.kind == kind })
		return func(field string) string { return all[i].fields[field] }
	}
	s, b, board, chassis := first("1"), first("0"), first("2"), first("3")
	lines := []string{
		fmt.Sprintf("system %q %q %q %q %q %q %q", s("Manufacturer"), s("Product Name"), s("Version"), s("Serial Number"), s("UUID"), s("SKU Number"), s("Family")),
		fmt.Sprintf("chassis %q %q", strings.ToLower(chassis("Type")), chassis("Asset Tag")),
		fmt.Sprintf("bios %q %q %q", b("Vendor"), b("Version"), b("BIOS Revision")),
		fmt.Sprintf("board %q %q %q %q %q", board("Manufacturer"), board("Product Name"), board("Version"), board("Serial Number"), board("Asset Tag")),
	}
	for _, d := range all {
		f := func(name string) string { return d.fields[name] }
		switch {
		case d.kind == "17" && f("Type") != "Flash":
			lines = append(lines, memoryLine(f))
		case d.kind == "4" && strings.HasPrefix(f("Status"), "Populated"):
			lines = append(lines, fmt.Sprintf("processor %q %s %s", strings.Join(strings.Fields(f("Version")), " "),
				orZero(f("Core Count")), orZero(f("Thread Count"))))
		}
	}
	return lines
}

func memoryLine(f func(string) string) string {
	size := f("Size")
	if size == "No Module Installed" {
		return fmt.Sprintf("memory %q %q %q %q %q %q %q %q %q", f("Locator"), "", "", "", "", "", "", "", f("Bank Locator"))
	}
	if gigabytes, ok := strings.CutSuffix(size, " GB"); ok {
		if n := number(gigabytes); n != nil {
			size = fmt.Sprintf("%d MB", *n<<10)
		}
	}
	speed, _, _ := strings.Cut(f("Speed"), " ")
	return fmt.Sprintf("memory %q %q %q %q %q %q %q %q %q", f("Locator"), size, f("Type"), f("Form Factor"), speed,
		f("Manufacturer"), f("Part Number"), f("Serial Number"), f("Bank Locator"))
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

func TestSMBIOSByVersion(t *testing.T) {
	t.Parallel()
	raw := structure(1, 1, []byte{
		1, 2, 3, 4, // manufacturer, product, version, serial
		0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0x01,
		6, 5, 6, // wake-up, SKU, family
	}, "ACME", "Anvil", "v2", "SN-1", "SKU-9", "Tools")
	tests := []struct {
		name  string
		entry string
		want  string
	}{
		{"no version known", "", "00112233-4455-6677-8899-aabbccddee01"},
		{"2.6 swaps three fields", "_SM_\x00\x1f\x02\x06\x00", "00112233-4455-6677-8899-aabbccddee01"},
		{"2.5 does not", "_SM_\x00\x1f\x02\x05\x00", "33221100-5544-7766-8899-aabbccddee01"},
		{"3.2", "_SM3_\x00\x18\x03\x02\x00\x01", "00112233-4455-6677-8899-aabbccddee01"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := &hosttest.Machine{Firmware: raw}
			if tt.entry != "" {
				m.Files = with(fstest.MapFS{smbiosEntryPoint: text(tt.entry)})
			}
			table, err := readSMBIOS(m)
			if err != nil {
				t.Fatal(err)
			}
			want := smbiosSystemFacts{Manufacturer: "ACME", Product: "Anvil", Version: "v2", Serial: "SN-1", SKU: "SKU-9", Family: "Tools", UUID: tt.want}
			if got := table.system(); got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestSMBIOSWithoutTable(t *testing.T) {
	t.Parallel()
	if _, err := readSMBIOS(&hosttest.Machine{}); !errors.Is(err, ErrAbsent) {
		t.Errorf("no table: got %v", err)
	}
	for _, raw := range []string{"", "\x00", "\x01\x03ab\x00\x00", "\x01\x1babcdef", "\x7f\x04\x00\x00\x00\x00"} {
		if _, err := readSMBIOS(&hosttest.Machine{Firmware: []byte(raw)}); err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrAbsent) {
			t.Errorf("%q: got %v", raw, err)
		}
	}
}

func TestMemoryModuleSizes(t *testing.T) {
	t.Parallel()
	device := func(size, extended []byte) []byte {
		f := make([]byte, 0x54+8-4)
		copy(f[0x0c-4:], size)
		copy(f[0x1c-4:], extended)
		f[0x10-4], f[0x15-4], f[0x16-4] = 1, 0xff, 0xff
		copy(f[0x54-4:], []byte{0x70, 0x17, 0, 0})
		return structure(17, 1, f, "DIMM_A1")
	}
	tests := []struct {
		name           string
		size, extended []byte
		want           *int64
	}{
		{"empty", []byte{0, 0}, nil, proto.Int64(0)},
		{"unknown", []byte{0xff, 0xff}, nil, nil},
		{"MiB", []byte{0, 0x20}, nil, proto.Int64(8 << 30)},
		{"KiB", []byte{0, 0x82}, nil, proto.Int64(512 << 10)},
		{"extended", []byte{0xff, 0x7f}, []byte{0, 0, 1, 0}, proto.Int64(64 << 30)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			table, err := parseSMBIOS(device(tt.size, tt.extended))
			if err != nil {
				t.Fatal(err)
			}
			modules := table.memoryModules()
			if len(modules) != 1 || fmt.Sprint(modules[0].Size == nil, modules[0].GetSize()) != fmt.Sprint(tt.want == nil, valueOf(tt.want)) {
				t.Errorf("got %s", show(modules...))
			}
			if modules[0].GetSize() > 0 && modules[0].GetSpeedMts() != 6000 {
				t.Errorf("extended speed: got %s", show(modules...))
			}
		})
	}
}

func valueOf(p *int64) int64 {
	if p == nil {
		return 0
	}
	return *p
}

func FuzzSMBIOS(f *testing.F) {
	for _, name := range []string{"thinkpad-t480s", "supermicro-x9dbl", "gigabyte-ga-ma74gmt", "vmware"} {
		f.Add(dumped(f, name))
	}
	f.Add(structure(1, 1, []byte{1, 2, 3, 4}, "a"))
	f.Add([]byte{127, 4, 0, 0, 0, 0})
	f.Fuzz(func(_ *testing.T, raw []byte) {
		if table, err := parseSMBIOS(raw); err == nil {
			facts(table)
		}
	})
}
