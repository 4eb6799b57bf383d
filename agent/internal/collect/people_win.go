// SPDX-License-Identifier: Apache-2.0

package collect

import "slices"

// ofPeople returns what read makes of the part of the registry of each person who has a profile, in the order of their
// security identifiers. Windows shows that of people who are logged in only: for the others it returns what was read
// before, so that nobody's rows go and come with the person.
func ofPeople[T any](r winRegistry, files *memo, read func(hive string) (T, error)) ([]T, error) {
	hives, err := r.userHives()
	if err != nil {
		return nil, err
	}
	profiles, err := r.keys(keyProfiles)
	if err != nil {
		return nil, err
	}
	sids := slices.Concat(hives, slices.DeleteFunc(profiles, func(sid string) bool { return !isPerson(sid) }))
	slices.Sort(sids)
	before := map[string]T{}
	for _, sid := range sids {
		if value, ok := recall[T](files, sid); ok {
			before[sid] = value
		}
	}
	var all []T
	for _, sid := range slices.Compact(sids) {
		value, known := before[sid]
		if hive := `HKU\` + sid; slices.Contains(hives, sid) {
			now, err := read(hive)
			if err != nil {
				return nil, err
			}
			if r.has(hive) { // still: what is read of one that is going is not all of it
				value, known = now, true
			}
		}
		if known {
			all = append(all, value)
			keepUntil(files, sid, value)
		}
	}
	return all, nil
}

// recall returns what was kept under a name, and keeps it for another round.
func recall[T any](m *memo, name string) (value T, ok bool) {
	e, ok := m.entries[name]
	if !ok {
		return value, false
	}
	keepUntil(m, name, e.value)
	return e.value.(T), true
}

// keepUntil keeps a value until a round does not ask for it.
func keepUntil(m *memo, name string, value any) {
	if m.entries == nil {
		m.entries = map[string]memoEntry{}
	}
	m.entries[name] = memoEntry{value: value, round: m.round}
}
