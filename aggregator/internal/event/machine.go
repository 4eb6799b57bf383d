// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Tag is a tag that a machine got or lost, as the journal has it.
type Tag struct {
	ID       int64  `json:"id"`
	Name     string `json:"name"`
	Taxonomy *struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
	} `json:"taxonomy"`
}

// named is how events name a thing of the database.
type named struct {
	PK   int64  `json:"pk"`
	Name string `json:"name,omitempty"`
}

// Tag makes the event of a tag that the machine got or lost.
func (m *Maker) Tag(added bool, t *Tag) {
	m.add(typeTag, func(*Event) json.RawMessage {
		payload := map[string]any{"action": "removed", "tag": named{t.ID, t.Name}}
		if added {
			payload["action"] = "added"
		}
		if t.Taxonomy != nil {
			payload["taxonomy"] = named{t.Taxonomy.ID, t.Taxonomy.Name}
		}
		return mustEncode(payload)
	})
}

// Lifecycle makes the event of snapshots of the machine that were archived, revived or pruned; source is nil when it is
// not known any more.
func (m *Maker) Lifecycle(done string, source json.RawMessage) {
	m.add(typeMachine+done, func(*Event) json.RawMessage { return object("source", source) })
}

// Conflict makes the event of an agent that claims to be a machine that it is not.
func (m *Maker) Conflict(payload json.RawMessage) {
	m.add(typeConflict, func(*Event) json.RawMessage { return asObject(payload) })
}

// Ready makes an event that the journal holds as it is: type, namespace, tags, payload, objects and request.
func (m *Maker) Ready(body json.RawMessage) error {
	var stored struct {
		Type      string              `json:"type"`
		Namespace string              `json:"namespace"`
		Tags      []string            `json:"tags"`
		Payload   json.RawMessage     `json:"payload"`
		Objects   map[string][]string `json:"objects"`
		Request   json.RawMessage     `json:"request"`
	}
	if err := json.Unmarshal(body, &stored); err != nil {
		return fmt.Errorf("stored event: %w", err)
	}
	if stored.Type == "" {
		return fmt.Errorf("stored event %s: no type", strconv.Quote(string(body[:min(len(body), 100)])))
	}
	m.add(stored.Type, func(e *Event) json.RawMessage {
		if stored.Namespace != "" {
			e.Namespace = stored.Namespace
		}
		if stored.Tags != nil {
			e.Tags = tagSet(append(stored.Tags, e.Tags...))
		}
		if stored.Objects != nil {
			e.Objects = stored.Objects
		}
		if request := Compact(stored.Request); request != nil {
			e.Request = request
		}
		return asObject(stored.Payload)
	})
	return nil
}

// asObject returns an object on one line; anything else is an empty one.
func asObject(raw json.RawMessage) json.RawMessage {
	compact := Compact(raw)
	if len(compact) == 0 || compact[0] != '{' {
		return json.RawMessage("{}")
	}
	return compact
}

// Compact returns JSON on one line; nil for null and what is no JSON.
func Compact(raw json.RawMessage) json.RawMessage {
	var out bytes.Buffer
	if len(raw) == 0 || json.Compact(&out, raw) != nil || out.String() == "null" {
		return nil
	}
	return out.Bytes()
}
