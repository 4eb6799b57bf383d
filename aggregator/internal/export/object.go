// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// objectWriter writes one JSON object, its keys in the order of the calls. Empty texts have no key.
type objectWriter struct {
	out  *bytes.Buffer
	some bool // a key was written to the object at hand
}

func (o *objectWriter) name(key string) {
	if o.some {
		o.out.WriteByte(',')
	} else {
		o.out.WriteByte('{')
	}
	o.some = true
	o.out.WriteByte('"')
	o.out.WriteString(key) // keys are our own and need no escapes
	o.out.WriteString(`":`)
}

func (o *objectWriter) raw(key string, value []byte) {
	o.name(key)
	o.out.Write(value)
}

func (o *objectWriter) text(key, value string) {
	if value != "" {
		o.raw(key, jsonText(value))
	}
}

func (o *objectWriter) int(key string, value int64) {
	o.name(key)
	o.out.Write(strconv.AppendInt(o.out.AvailableBuffer(), value, 10))
}

// textOrNull always has the key.
func (o *objectWriter) textOrNull(key, value string) {
	if value == "" {
		o.raw(key, []byte("null"))
		return
	}
	o.raw(key, jsonText(value))
}

// idOrNull always has the key; 0 is no id.
func (o *objectWriter) idOrNull(key string, id int64) {
	if id == 0 {
		o.raw(key, []byte("null"))
		return
	}
	o.int(key, id)
}

func (o *objectWriter) list(key string, values [][]byte) {
	o.name(key)
	o.out.WriteByte('[')
	o.out.Write(bytes.Join(values, []byte(",")))
	o.out.WriteByte(']')
}

func (o *objectWriter) object(key string, write func()) {
	o.name(key)
	o.some = false
	write()
	o.end()
	o.some = true
}

// end closes the object.
func (o *objectWriter) end() {
	if !o.some {
		o.out.WriteByte('{')
	}
	o.out.WriteByte('}')
}

// jsonText spells a text as JSON, with no more escapes than it needs.
func jsonText(text string) []byte {
	raw, err := marshal(text)
	if err != nil {
		return []byte(`""`) // a text always has a spelling
	}
	return raw
}

func marshal(value any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// reduce returns a body without nulls and empty containers, at any depth. Of an object it keeps the fields in their
// order; no fields are all of it. nil says that nothing is left.
func reduce(body []byte, fields []string) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	if value = pruned(value); value == nil {
		return nil, nil
	}
	if fields == nil {
		return marshal(value)
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("not an object: %.32s", body)
	}
	var out bytes.Buffer
	o := objectWriter{out: &out}
	for _, field := range fields {
		if inner, ok := object[field]; ok {
			raw, err := marshal(inner)
			if err != nil {
				return nil, err
			}
			o.raw(field, raw)
		}
	}
	if !o.some {
		return nil, nil
	}
	o.end()
	return out.Bytes(), nil
}

// pruned takes nulls, empty objects and empty lists out of a value; nil says that it is one of them.
func pruned(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			if v[key] = pruned(inner); v[key] == nil {
				delete(v, key)
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		kept := v[:0]
		for _, inner := range v {
			if inner = pruned(inner); inner != nil {
				kept = append(kept, inner)
			}
		}
		if len(kept) == 0 {
			return nil
		}
		return kept
	}
	return value
}
