// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/proto/asset"
)

func TestNothingIsRememberedOfTheDatabaseBefore(t *testing.T) {
	t.Parallel()
	e := newExpiring[string, int](10, time.Hour)
	e.put("a", 1)
	e.clear()
	if got, ok := e.get("a"); ok {
		t.Errorf("entry: got %d, want none", got)
	}
	o := newOffers()
	key := offerKey{kind: "deb_packages"}
	o.put(key, asset.ID{1}, make([]asset.ID, maxOfferedIDs-offerIDs))
	o.clear()
	if ids, ok := o.get(key, asset.ID{1}); ok {
		t.Errorf("offer: got %d ids, want none", len(ids))
	}
	if !o.put(key, asset.ID{2}, make([]asset.ID, maxOfferedIDs-offerIDs)) {
		t.Error("got no room, want that of the forgotten offer")
	}
}
