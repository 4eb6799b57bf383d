// SPDX-License-Identifier: Apache-2.0

package v1

// Patterns returns the table's patterns, for the test that compares it with openapi.json.
func (a *API) Patterns() []string {
	var patterns []string
	for _, route := range a.routes() {
		patterns = append(patterns, route.Pattern)
	}
	return patterns
}
