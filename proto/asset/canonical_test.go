// SPDX-License-Identifier: Apache-2.0

package asset

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// fill sets some fields of a message at random and returns what its canonical JSON must mean.
func fill(t *rapid.T, m protoreflect.Message, depth int) map[string]any {
	want := map[string]any{}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		format, membership := optionsOf(f)
		if !rapid.Bool().Draw(t, "has "+string(f.Name())) || (f.Message() != nil && depth == 0) {
			continue
		}
		free := format == inventoryv1.Format_FORMAT_FREE_JSON
		var value any
		if f.IsList() {
			value = fillList(t, f, m.Mutable(f).List(), depth)
		} else {
			v, meaning := draw(t, f, free, m.NewField(f), depth)
			m.Set(f, v)
			value = meaning
		}
		if !membership && (free || !isEmpty(value)) {
			want[string(f.Name())] = value
		}
	}
	return want
}

// fillList appends up to three elements.
func fillList(t *rapid.T, f protoreflect.FieldDescriptor, list protoreflect.List, depth int) any {
	want := []any{}
	for range rapid.IntRange(0, 3).Draw(t, "length") {
		v, meaning := draw(t, f, false, list.NewElement(), depth)
		list.Append(v)
		if !isEmpty(meaning) {
			want = append(want, meaning)
		}
	}
	return want
}

// draw returns one value and its meaning in JSON.
func draw(t *rapid.T, f protoreflect.FieldDescriptor, free bool, empty protoreflect.Value, depth int) (protoreflect.Value, any) {
	switch f.Kind() {
	case protoreflect.StringKind:
		if free {
			text := rapid.SampledFrom([]string{`null`, `{}`, `[]`, `{"a":[null,{}]}`, `[0.5,-1,"x"]`}).Draw(t, "free")
			return protoreflect.ValueOfString(text), decode(t, []byte(text))
		}
		text := strings.ReplaceAll(rapid.String().Draw(t, "text"), "\x00", "")
		return protoreflect.ValueOfString(text), text
	case protoreflect.Int64Kind:
		n := rapid.Int64Range(-maxInteger, maxInteger).Draw(t, "number")
		return protoreflect.ValueOfInt64(n), float64(n)
	case protoreflect.BoolKind:
		b := rapid.Bool().Draw(t, "bool")
		return protoreflect.ValueOfBool(b), b
	case protoreflect.MessageKind:
		return empty, fill(t, empty.Message(), depth-1)
	default:
		t.Fatalf("field type %s: the encoder does not know it", f.Kind())
		return empty, nil
	}
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	default:
		return false
	}
}

func TestEveryKindIsEncodedAsAnIndependentEncoderDoes(t *testing.T) {
	t.Parallel()
	fields := (&inventoryv1.Snapshot{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.IsMap() {
			t.Errorf("%s: a map has no canonical form", f.Name())
		}
		if f.Message() == nil {
			continue
		}
		t.Run(string(f.Name()), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				m := newMessage(t, string(f.Name()))
				want := independent(fill(rt, m.ProtoReflect(), 2))
				got, err := Canonical(m)
				if err != nil || string(got) != want {
					rt.Fatalf("got  %s, %v\nwant %s", got, err, want)
				}
				if err := Validate(got); err != nil {
					rt.Fatal(err)
				}
			})
		})
	}
}

func TestKeysAreOrderedByUTF16(t *testing.T) {
	t.Parallel()
	letters := rapid.SampledFrom([]rune("a\u007f\u0080\u07ff\u0800\ud7ff\ue000\uefff\uf000\uffff\U00010000\U0001f600\U0010ffff"))
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.StringOf(letters).Draw(t, "a")
		b := rapid.StringOf(letters).Draw(t, "b")
		if got, want := lessUTF16(a, b), slices.Compare(units(a), units(b)) < 0; got != want {
			t.Fatalf("%+q < %+q: got %v, want %v", a, b, got, want)
		}
	})
}

func TestJSONShowsMembershipFields(t *testing.T) {
	t.Parallel()
	p := &inventoryv1.DebPackage{Name: proto.String("bash"), InstallTime: proto.String("2026-03-01T12:30:00")}
	got, err := JSON(p)
	if want := `{"install_time":"2026-03-01T12:30:00","name":"bash"}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	if f := MembershipField(p.ProtoReflect().Descriptor()); f == nil || f.Name() != "install_time" {
		t.Errorf("membership field: got %v, want install_time", f)
	}
	if f := MembershipField((&inventoryv1.Disk{}).ProtoReflect().Descriptor()); f != nil {
		t.Errorf("membership field of a disk: got %v, want none", f)
	}
}

func TestWhatValidateWouldRefuseIsNotEncoded(t *testing.T) {
	t.Parallel()
	deep := &inventoryv1.Certificate{CommonName: proto.String("leaf")}
	for range MaxDepth {
		deep = &inventoryv1.Certificate{SignedBy: deep}
	}
	app := func(entitlements string) proto.Message {
		return &inventoryv1.OSXAppInstance{Entitlements: &entitlements}
	}
	tests := []struct {
		name string
		fact proto.Message
		want string
	}{
		{"NUL", &inventoryv1.Disk{Name: proto.String("a\x00")}, "name: text holds a NUL"},
		{"invalid UTF-8", &inventoryv1.Disk{Name: proto.String("a\xff")}, "name: text is not valid UTF-8"},
		{"surrogate in UTF-8", &inventoryv1.Disk{Name: proto.String("\xed\xa0\x80")}, "not valid UTF-8"},
		{"integer above 2^53", &inventoryv1.Disk{Size: proto.Int64(maxInteger + 1)}, "size: integer 9007199254740993 is beyond"},
		{"integer below -2^53", &inventoryv1.Disk{Size: proto.Int64(-maxInteger - 1)}, "beyond 2^53"},
		{"in a list", &inventoryv1.LocalGroup{Members: []string{"a", "\x00"}}, "members: [1]: text holds a NUL"},
		{"too deep", deep, "nested deeper than 32"},
		{"too large", &inventoryv1.Disk{Name: proto.String(strings.Repeat("a", MaxBodyBytes))}, "the limit is 1048576"},
		{"free JSON with a space", app(`{"a": 1}`), "entitlements: free JSON: not canonical JSON at byte 5"},
		{"free JSON that is none", app(""), "entitlements: free JSON"},
		{"free JSON too deep where it stands", app(strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth)), ""},
		{"free JSON one deeper", app(strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1)), "nested deeper"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			body, err := Canonical(tt.fact)
			if tt.want == "" {
				if err != nil || Validate(body) != nil {
					t.Errorf("got %v and %v, want no error", err, Validate(body))
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %.80s, %v; want an error with %q", body, err, tt.want)
			}
		})
	}
	if _, err := CanonicalScalar(strings.Repeat("a", MaxBodyBytes-1)); err == nil {
		t.Error("scalar beyond the limit: want an error")
	}
}

func TestLimitsOfValidateAndCanonicalJSONAgree(t *testing.T) {
	t.Parallel()
	nested := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	text := func(n int) []byte { return []byte(`"` + strings.Repeat("a", n-2) + `"`) }
	grows := []byte("[1e-6" + strings.Repeat(",1e-6", MaxBodyBytes/8) + "]")
	tests := []struct {
		name string
		body []byte
		ok   bool
	}{
		{"deepest", nested(MaxDepth + 1), true},
		{"too deep", nested(MaxDepth + 2), false},
		{"longest", text(MaxBodyBytes), true},
		{"too long", text(MaxBodyBytes + 1), false},
		{"too long once canonical", grows, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := Validate(tt.body); (err == nil) != tt.ok {
				t.Errorf("Validate: got %v, want ok %v", err, tt.ok)
			}
			if _, err := CanonicalJSON(tt.body); (err == nil) != tt.ok {
				t.Errorf("CanonicalJSON: got %v, want ok %v", err, tt.ok)
			}
		})
	}
}

func TestErrorsQuoteLittle(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", 10_000)
	for _, raw := range []string{`{"` + long + `":{"` + long + `":01}}`, `{"` + long + `":1,"` + long + `":1}`, strings.Repeat("9", 10_000)} {
		for name, err := range map[string]error{"Validate": Validate([]byte(raw)), "CanonicalJSON": second(CanonicalJSON([]byte(raw)))} {
			if err == nil || len(err.Error()) > 400 {
				t.Errorf("%s: got %.500v, want a short error", name, err)
			}
		}
	}
}

func second(_ []byte, err error) error { return err }

func TestIDsAreReadOnlyInAscendingOrder(t *testing.T) {
	t.Parallel()
	a, b := Of("disks", []byte("1")).ID(), Of("disks", []byte("2")).ID()
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	tests := []struct {
		name string
		raw  []byte
		want []ID
		ok   bool
	}{
		{"none", nil, []ID{}, true},
		{"two", slices.Concat(a[:], b[:]), []ID{a, b}, true},
		{"descending", slices.Concat(b[:], a[:]), nil, false},
		{"twice", slices.Concat(a[:], a[:]), nil, false},
		{"cut", a[:15], nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseIDs(tt.raw)
			if (err == nil) != tt.ok || !slices.Equal(got, tt.want) {
				t.Errorf("got %v, %v; want %v, ok %v", got, err, tt.want, tt.ok)
			}
		})
	}
}

func TestDigestIsReadFrom32Bytes(t *testing.T) {
	t.Parallel()
	d := Of("disks", []byte("{}"))
	if got, err := ParseDigest(d[:]); err != nil || got != d {
		t.Errorf("got %v, %v; want %v", got, err, d)
	}
	if _, err := ParseDigest(d[:31]); err == nil {
		t.Error("31 bytes: want an error")
	}
	if got := d.ID().String(); got != d.String()[:32] {
		t.Errorf("id %s, want the beginning of %s", got, d)
	}
	if d.IsZero() || !(Digest{}).IsZero() {
		t.Error("want only the zero digest to be zero")
	}
}
