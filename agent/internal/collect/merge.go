// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// merger collects rows that do not say whose they are, each once. Of rows that differ in their time of installation alone
// the earliest stays. The zero merger is ready.
type merger[M proto.Message] struct {
	rows []M
	seen map[string]int
}

// add adds a row that is not there yet. The row is not changed.
func (m *merger[M]) add(row M) {
	body := proto.Clone(row)
	field := body.ProtoReflect().Descriptor().Fields().ByName("install_time")
	if field != nil {
		body.ProtoReflect().Clear(field)
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(body)
	if err != nil {
		m.rows = append(m.rows, row)
		return
	}
	at, known := m.seen[string(raw)]
	if !known {
		if m.seen == nil {
			m.seen = map[string]int{}
		}
		m.seen[string(raw)] = len(m.rows)
		m.rows = append(m.rows, row)
		return
	}
	if field != nil && earlier(row.ProtoReflect(), m.rows[at].ProtoReflect(), field) {
		m.rows[at] = row
	}
}

// earlier compares a moment of two rows; one that is not known is later than all.
func earlier(a, b protoreflect.Message, field protoreflect.FieldDescriptor) bool {
	return a.Has(field) && (!b.Has(field) || a.Get(field).String() < b.Get(field).String())
}
