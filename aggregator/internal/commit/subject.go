// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/proto/asset"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// subject is a head and the checks that are to be evaluated for it.
type subject struct {
	head *store.EvaluatedHead
	due  []compliance.Compiled
	view *view
}

// subjectsOf returns the heads that any of the checks is due for, with the sections that those read. Heads of one call
// share what they have in common.
func (c *Committer) subjectsOf(ctx context.Context, heads []store.EvaluatedHead, checks []compliance.Compiled) ([]subject, error) {
	var subjects []subject
	for i := range heads {
		one, err := c.subjectOf(&heads[i], checks)
		if err != nil {
			return nil, err
		}
		if len(one.due) > 0 {
			subjects = append(subjects, one)
		}
	}
	return subjects, c.loadSubjects(ctx, subjects)
}

func (c *Committer) subjectOf(h *store.EvaluatedHead, checks []compliance.Compiled) (subject, error) {
	var candidates []compliance.Compiled
	for _, check := range checks {
		if carries(h.Tags, check.Tags) && !slices.Contains(h.Done, check.ID) {
			candidates = append(candidates, check)
		}
	}
	if len(candidates) == 0 {
		return subject{}, nil
	}
	sections, err := pack.Fold(h.Rows)
	if err != nil {
		return subject{}, fmt.Errorf("head %d: %w", h.ID, err)
	}
	added := AddedOf(sections)
	due := slices.DeleteFunc(candidates, func(check compliance.Compiled) bool {
		return !check.InScope(h.Source.Name, added.Platform, h.Tags)
	})
	push := &Push{Machine: h.Machine, Serial: h.Serial, Source: h.Source}
	return subject{head: h, due: due, view: c.view(push, added, sections)}, nil
}

// carries tells whether a machine with these tags may be in the scope of a check that is limited to wanted.
func carries(tags, wanted []int64) bool {
	return len(wanted) == 0 || slices.ContainsFunc(wanted, func(tag int64) bool { return slices.Contains(tags, tag) })
}

// loadSubjects loads the bodies of all subjects at once.
func (c *Committer) loadSubjects(ctx context.Context, subjects []subject) error {
	var sections []*pack.Section
	for i := range subjects {
		sections = append(sections, subjects[i].wanted()...)
	}
	loaded, err := c.store.LoadSections(ctx, sections)
	if err != nil {
		return err
	}
	for i := range subjects {
		for _, section := range subjects[i].wanted() {
			subjects[i].view.loaded[section.Kind], loaded = loaded[0], loaded[1:]
		}
	}
	return nil
}

// wanted returns the shared sections that the checks which are due read, by kind.
func (s *subject) wanted() []*pack.Section {
	var wanted []*pack.Section
	reads := readKeys(s.due)
	for kind, section := range s.view.sections {
		if section.Shared && (reads == nil || slices.Contains(reads, kind)) {
			wanted = append(wanted, section)
		}
	}
	slices.SortFunc(wanted, func(a, b *pack.Section) int { return strings.Compare(a.Kind, b.Kind) })
	return wanted
}

// evaluate calls fn with the result of each check that is due.
func (s *subject) evaluate(ctx context.Context, fn func(compliance.Compiled, compliance.Result)) error {
	tree, err := s.view.tree(ctx, readKeys(s.due))
	if err != nil {
		return err
	}
	for _, check := range s.due {
		fn(check, check.Program.EvaluateTree(tree))
	}
	if err := tree.Err(); err != nil {
		return fmt.Errorf("tree of machine %s: %w", s.head.Serial, err)
	}
	return nil
}

// kindsToRead returns the sections that evaluating the checks takes; nil stands for all of them.
func kindsToRead(checks []compliance.Compiled) []string {
	kinds := readKeys(checks)
	if kinds == nil {
		return nil
	}
	timed := slices.ContainsFunc(checks, func(c compliance.Compiled) bool { return c.Program.SeesTimes() })
	if timed || slices.ContainsFunc(kinds, alwaysTimed) {
		kinds = append(kinds, snapshot.KindInstallTimes)
	}
	return kinds
}

// alwaysTimed tells whether a tree has a kind's install time whether or not anybody can tell.
func alwaysTimed(kind string) bool {
	k, known := snapshot.KindOf(kind)
	return known && k.Single && k.Fact != nil && asset.MembershipField(k.Fact) != nil
}
