// SPDX-License-Identifier: Apache-2.0

package index

import (
	"cmp"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// CountTagged returns how many known machines in the scope carry at least one tag of each set; ErrBuilding while the
// index is being built.
func (x *Index) CountTagged(scope auth.Scope, sets [][]int64) ([]int, error) {
	counts := make([]int, len(sets))
	err := x.read(func(s *state) {
		within := s.machinesOf(scope)
		for i, tags := range sets {
			counts[i] = int(s.machinesOf(auth.TaggedWith(tags...)).AndCardinality(within))
		}
	})
	return counts, err
}

// CountSources returns how many known machines in the scope each source reports, by its id; ErrBuilding while the index
// is being built.
func (x *Index) CountSources(scope auth.Scope) (map[int32]int, error) {
	counts := map[int32]int{}
	err := x.read(func(s *state) {
		visible := s.headsIn(scope)
		for source, heads := range s.ofSource { // a source has one head of a machine
			if n := heads.AndCardinality(visible); n > 0 {
				counts[source] = int(n)
			}
		}
	})
	return counts, err
}

// CountUnits returns how many known machines in the scope are of each business unit, by its id; ErrBuilding while the index
// is being built.
func (x *Index) CountUnits(scope auth.Scope) (map[int64]int, error) {
	counts := map[int64]int{}
	err := x.read(func(s *state) {
		of := map[int64]*roaring.Bitmap{}
		for it := s.machinesOf(scope).Iterator(); it.HasNext(); {
			m := s.byNumber[it.Next()]
			for _, h := range m.heads {
				if !h.archived && h.summary.BusinessUnit != 0 {
					add(of, h.summary.BusinessUnit, m.number)
				}
			}
		}
		for unit, machines := range of {
			counts[unit] = int(machines.GetCardinality())
		}
	})
	return counts, err
}

// UserCount is a principal user and how many machines name it.
type UserCount struct {
	User     store.PrincipalUser
	Machines int
}

// Users returns the first principal users behind one, at most limit, of the known machines in the scope, by principal
// name, unique id and display name; ErrBuilding while the index is being built.
func (x *Index) Users(scope auth.Scope, after store.PrincipalUser, limit int) ([]UserCount, error) {
	of := map[store.PrincipalUser]int{}
	err := x.read(func(s *state) {
		for it := s.machinesOf(scope).Iterator(); it.HasNext(); {
			heads := s.byNumber[it.Next()].heads
			for i, h := range heads {
				if h.uses() && compareUsers(*h.user, after) > 0 && !slices.ContainsFunc(heads[:i], h.sameUser) {
					of[*h.user]++
				}
			}
		}
	})
	first := ranking[UserCount]{limit: limit, compare: func(a, b UserCount) int { return compareUsers(a.User, b.User) }}
	for user, machines := range of {
		if count := (UserCount{User: user, Machines: machines}); first.wants(count) {
			first.add(count)
		}
	}
	return first.best, err
}

func compareUsers(a, b store.PrincipalUser) int {
	return cmp.Or(cmp.Compare(a.PrincipalName, b.PrincipalName), cmp.Compare(a.UniqueID, b.UniqueID), cmp.Compare(a.DisplayName, b.DisplayName))
}

// uses tells whether a live head names a principal user.
func (h *head) uses() bool { return !h.archived && h.user != nil }

// sameUser tells whether another head names the same one.
func (h *head) sameUser(other *head) bool { return other.uses() && *other.user == *h.user }

// principalUser is whom the head names, the zero one when nobody.
func (h *head) principalUser() store.PrincipalUser {
	if h.user == nil {
		return store.PrincipalUser{}
	}
	return *h.user
}

// Groups returns the dictionary ids of the groups that a known machine in the scope is in, ascending; ErrBuilding while
// the index is being built.
func (x *Index) Groups(scope auth.Scope) ([]int64, error) {
	var ids []int64
	err := x.read(func(s *state) {
		k := s.catalog.kinds[groupKind]
		if k == nil {
			return
		}
		visible := s.headsIn(scope)
		for _, n := range k.names {
			for _, v := range n.versions {
				for _, a := range v.assets {
					if a.heads != nil && a.heads.Intersects(visible) {
						ids = append(ids, a.id)
					}
				}
			}
		}
	})
	slices.Sort(ids)
	return ids, err
}

// CountHolders returns how many known machines in the scope have at least one asset of each set of dictionary ids;
// ErrBuilding while the index is being built.
func (x *Index) CountHolders(scope auth.Scope, sets [][]int64) ([]int, error) {
	counts := make([]int, len(sets))
	err := x.read(func(s *state) {
		visible := s.headsIn(scope)
		for i, ids := range sets {
			heads := roaring.New()
			for _, id := range ids {
				if a := s.catalog.asset(id); a != nil && a.heads != nil {
					heads.Or(a.heads)
				}
			}
			counts[i] = countMachines(heads, visible)
		}
	})
	return counts, err
}
