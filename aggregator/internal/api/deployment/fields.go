// SPDX-License-Identifier: Apache-2.0

package deployment

import "github.com/rollcall-inventory/rollcall/aggregator/internal/api/drf"

// maxName bounds names, in characters.
const maxName = 256

// texts reads a list of texts that may also be null, which is the empty one. What is left out stays.
func texts(body *drf.Object, field string, list drf.List, to *[]string) {
	switch {
	case !body.Given(field):
	case body.Raw(field) == nil:
		*to = nil
	default:
		list.Optional = true
		*to = body.Texts(field, list)
	}
}

// number reads an integer that may be left out, and stays then.
func number(body *drf.Object, field string, least, most int64, to *int) {
	if n, ok := body.Int(field, drf.Int{Optional: true, Min: least, Max: most}); ok {
		*to = int(n)
	}
}
