// SPDX-License-Identifier: Apache-2.0

package compliance

import "github.com/rollcall-inventory/rollcall/aggregator/internal/version"

// naturalOrder is what an expression calls the order of kinds that have none of their own, for versions that belong to no
// kind: that of a kernel. program_instances is one of those.
const naturalOrder, naturalKind = "natural", "program_instances"

// compareVersions is compare_versions(kind, a, b): -1, 0 or 1, as a is older than b, as old, or newer in the order that
// the kind's versions have. A version that has no place in the order is an error, so that nobody takes it for a new one.
func compareVersions(m *meter, a []any) (any, error) {
	one, other := a[1].(string), a[2].(string)
	if err := m.chargeText(len(one) + len(other)); err != nil {
		return nil, err
	}
	kind := a[0].(string)
	if kind == naturalOrder {
		kind = naturalKind
	}
	order, err := version.Compare(kind, one, other)
	return float64(order), err
}
