// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"
	"fmt"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/pack"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/tree"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// view reads the sections of one snapshot, loading from the dictionary only what is asked for.
type view struct {
	committer *Committer
	push      *Push
	added     Added
	sections  pack.Sections
	loaded    snapshot.Sections
}

// view returns a view of the push's machine with the given sections.
func (c *Committer) view(p *Push, added Added, sections pack.Sections) *view {
	return &view{committer: c, push: p, added: added, sections: sections, loaded: snapshot.Sections{}}
}

// load reads sections with their bodies; nil stands for all kinds. Install times come with the rows they belong to.
func (v *view) load(ctx context.Context, kinds []string) (snapshot.Sections, error) {
	if kinds == nil {
		for kind := range v.sections {
			kinds = append(kinds, kind)
		}
	} else {
		kinds = append(kinds[:len(kinds):len(kinds)], snapshot.KindInstallTimes)
	}
	out := snapshot.Sections{}
	for _, kind := range kinds {
		s := v.sections[kind]
		if s == nil || kind == pack.KindAdded {
			continue
		}
		if v.loaded[kind] == nil {
			loaded, err := v.committer.store.LoadSection(ctx, s)
			if err != nil {
				return nil, fmt.Errorf("section %s: %w", kind, err)
			}
			v.loaded[kind] = loaded
		}
		out[kind] = v.loaded[kind]
	}
	return out, nil
}

// tree returns the normalised tree, good for the given keys; nil stands for all.
func (v *view) tree(ctx context.Context, keys []string) (*tree.Tree, error) {
	sections, err := v.load(ctx, keys)
	if err != nil {
		return nil, err
	}
	return v.committer.bodies.Tree(sections, v.treeKeys()), nil
}

func (v *view) treeKeys() tree.Added {
	return tree.Added{
		Source:       tree.Source{Module: v.push.Source.Module, Name: v.push.Source.Name, Config: v.push.Source.Config},
		SerialNumber: v.push.Serial,
		Reference:    v.added.Reference, PublicIP: v.added.PublicIP,
		Platform: v.added.Platform, Type: v.added.Type, BusinessUnit: v.added.BusinessUnit,
	}
}

// infer fills in platform and type: what the sections tell, else what was submitted.
func (v *view) infer(ctx context.Context) error {
	sections, err := v.load(ctx, identifying)
	if err != nil {
		return err
	}
	platform, machineType := tree.Infer(sections)
	if platform != "" {
		v.added.Platform = platform
	}
	if machineType != "" {
		v.added.Type = machineType
	}
	return nil
}

// summary returns what lists show of the machine.
func (v *view) summary(ctx context.Context) (*store.Summary, error) {
	sections, err := v.load(ctx, summaryKinds)
	if err != nil {
		return nil, err
	}
	s := summaryOf(sections, v.added)
	if s.BusinessUnit, err = v.businessUnit(ctx); err != nil {
		return nil, err
	}
	return &s, nil
}

// principalUser returns who uses the machine.
func principalUser(sections pack.Sections) *store.PrincipalUser {
	var user store.PrincipalUser
	if s := sections[store.KindPrincipalUser]; s != nil {
		user = store.PrincipalUserOf(s.Facts)
	}
	return &user
}

func onlyBody(s *snapshot.Section) []byte {
	if s == nil || len(s.Assets) != 1 {
		return nil
	}
	return s.Assets[0].Body
}
