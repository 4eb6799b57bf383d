// SPDX-License-Identifier: Apache-2.0

package normal

import (
	"strconv"
	"strings"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
)

// OSDisplay returns a version as people read it: name, numbers unless the name already holds them, suffix, and the
// build in parentheses: "Windows 10 21H2 (19044.1682)", "macOS 26.1 (25B78)". Systems of Apple hide a patch of zero.
// The empty string stands for a nil or empty version.
func OSDisplay(v *inventoryv1.OSVersion) string {
	parts := make([]string, 0, 4)
	add := func(part string) {
		if part != "" {
			parts = append(parts, part)
		}
	}
	add(v.GetName())
	if numbers := osNumbers(v); !strings.Contains(v.GetName(), numbers) {
		add(numbers)
	}
	add(v.GetVersion())
	if build := v.GetBuild(); build != "" {
		add("(" + build + ")")
	}
	return strings.Join(parts, " ")
}

// osNumbers joins the numbers that are set with dots.
func osNumbers(v *inventoryv1.OSVersion) string {
	if v == nil {
		return ""
	}
	patch := v.Patch
	if v.GetPatch() == 0 && isApple(v.GetName()) {
		patch = nil
	}
	var numbers []string
	for _, n := range []*int64{v.Major, v.Minor, patch} {
		if n != nil {
			numbers = append(numbers, strconv.FormatInt(*n, 10))
		}
	}
	return strings.Join(numbers, ".")
}
