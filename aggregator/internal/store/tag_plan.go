// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// TagOperationKind says what a TagOperation does.
type TagOperationKind string

// The kinds of operations.
const (
	SetTags    TagOperationKind = "SET"    // the machine has these tags of the taxonomy and no others of it
	AddTags    TagOperationKind = "ADD"    // the machine has these tags
	RemoveTags TagOperationKind = "REMOVE" // the machine has none of these tags
)

// MaxNamedTags is how many tags the operations of one request may name: those that are missing are made in one
// transaction.
const MaxNamedTags = 1000

// TagOperation changes the tags of a machine. Tags go by their names, whatever taxonomy they are in.
type TagOperation struct {
	Kind     TagOperationKind
	Taxonomy string // of SET, and where ADD makes tags that are missing; "": none
	Names    []string
}

// tagPlan is what a list of operations does to a machine, by the ids of tags and taxonomies. The order in which the
// operations were given does not matter.
type tagPlan struct {
	clear  []int64 // taxonomies whose tags go
	set    map[int64][]int64
	add    []int64
	remove []int64
	tags   map[int64]namedTag // every tag that the plan may add
}

// namedTag is what has to be known of a tag to apply a plan.
type namedTag struct {
	name     string
	taxonomy int64  // 0: none
	of       string // name of the taxonomy
}

// adds returns the tags that the plan may add, ascending.
func (p *tagPlan) adds() []int64 { return slices.Sorted(maps.Keys(p.tags)) }

// tagEdit is what became of the tags of one machine.
type tagEdit struct {
	machine        int64
	serial         string
	before, after  map[int64]namedTag
	added, removed int64 // as they are counted: one that is added and then removed counts twice
}

// apply runs the plan over the tags that a machine has: clear, set, add, remove.
func (p *tagPlan) apply(machine int64, serial string, before map[int64]namedTag) *tagEdit {
	e := &tagEdit{machine: machine, serial: serial, before: before, after: maps.Clone(before)}
	if e.after == nil {
		e.after = map[int64]namedTag{}
	}
	for _, taxonomy := range p.clear {
		e.removeOthers(taxonomy, nil)
	}
	for _, taxonomy := range slices.Sorted(maps.Keys(p.set)) {
		e.add(p, p.set[taxonomy])
		e.removeOthers(taxonomy, p.set[taxonomy])
	}
	e.add(p, p.add)
	for _, tag := range p.remove {
		e.drop(tag)
	}
	return e
}

func (e *tagEdit) add(p *tagPlan, tags []int64) {
	for _, tag := range tags {
		if _, has := e.after[tag]; !has {
			e.after[tag] = p.tags[tag]
			e.added++
		}
	}
}

func (e *tagEdit) drop(tag int64) {
	if _, has := e.after[tag]; has {
		delete(e.after, tag)
		e.removed++
	}
}

// removeOthers removes the tags of a taxonomy but some.
func (e *tagEdit) removeOthers(taxonomy int64, but []int64) {
	for _, tag := range slices.Sorted(maps.Keys(e.after)) {
		if e.after[tag].taxonomy == taxonomy && !slices.Contains(but, tag) {
			e.drop(tag)
		}
	}
}

// gained and lost are the real changes, ascending.
func (e *tagEdit) gained() []int64 { return without(e.after, e.before) }

func (e *tagEdit) lost() []int64 { return without(e.before, e.after) }

func (e *tagEdit) changed() bool { return len(e.gained())+len(e.lost()) > 0 }

func without(tags, others map[int64]namedTag) []int64 {
	var rest []int64
	for tag := range tags {
		if _, there := others[tag]; !there {
			rest = append(rest, tag)
		}
	}
	slices.Sort(rest)
	return rest
}

// tagsOfMachine is what the audit log says of a machine's tags.
type tagsOfMachine struct {
	Tags []string `json:"tags"`
}

func (e *tagEdit) audit() Audit {
	return auditOfMachine("tagged", e.machine, e.serial, tagNames(e.before), tagNames(e.after))
}

func tagNames(tags map[int64]namedTag) tagsOfMachine {
	names := make([]string, 0, len(tags))
	for _, tag := range tags {
		names = append(names, tag.name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a), strings.ToLower(b)), cmp.Compare(a, b))
	})
	return tagsOfMachine{names}
}

// tagChange is the body of a journal row about the tags of a machine.
type tagChange struct {
	Added   []changedTag    `json:"added,omitempty"`
	Removed []changedTag    `json:"removed,omitempty"`
	Request json.RawMessage `json:"request,omitempty"` // how it was asked for; none: not over HTTP
}

type changedTag struct {
	ID       int64        `json:"id"`
	Name     string       `json:"name"`
	Taxonomy *tagTaxonomy `json:"taxonomy,omitempty"`
}

type tagTaxonomy struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// body says what changed, for the journal.
func (e *tagEdit) body(request *string) (string, error) {
	c := tagChange{Added: changedTags(e.after, e.gained()), Removed: changedTags(e.before, e.lost())}
	if request != nil {
		c.Request = json.RawMessage(*request)
	}
	raw, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("change of the tags of machine %d: %w", e.machine, err)
	}
	return string(raw), nil
}

func changedTags(tags map[int64]namedTag, ids []int64) []changedTag {
	var out []changedTag
	for _, id := range ids {
		c := changedTag{ID: id, Name: tags[id].name}
		if tags[id].taxonomy != 0 {
			c.Taxonomy = &tagTaxonomy{ID: tags[id].taxonomy, Name: tags[id].of}
		}
		out = append(out, c)
	}
	return out
}
