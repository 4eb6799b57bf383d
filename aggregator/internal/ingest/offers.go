// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"sync"
	"time"

	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// offerKey names an offered list: a head has at most one of each kind.
type offerKey struct {
	head headKey
	kind string
}

const (
	offerLifetime = 3 * time.Minute
	// maxOfferedIDs bounds the ids that are kept: 16 MB.
	maxOfferedIDs = 1_000_000
	// offerIDs is what a list weighs beside its ids, in ids.
	offerIDs = 16
)

// offers keeps the ids that agents asked about. It is a courtesy: what it forgot, the agent sends again. It is safe for
// concurrent use.
type offers struct {
	mu    sync.Mutex
	lists map[offerKey]offer
	ids   int
}

type offer struct {
	digest asset.ID // of the section
	ids    []asset.ID
	until  time.Time
}

func newOffers() *offers { return &offers{lists: map[offerKey]offer{}} }

// put keeps a list and tells whether there was room for it.
func (o *offers) put(key offerKey, digest asset.ID, ids []asset.ID) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drop(key)
	weight := len(ids) + offerIDs
	if o.ids+weight > maxOfferedIDs {
		o.expire(time.Now())
	}
	if o.ids+weight > maxOfferedIDs {
		return false
	}
	o.ids += weight
	o.lists[key] = offer{digest: digest, ids: ids, until: time.Now().Add(offerLifetime)}
	return true
}

func (o *offers) expire(now time.Time) {
	for key, offer := range o.lists {
		if now.After(offer.until) {
			o.drop(key)
		}
	}
}

// clear drops everything.
func (o *offers) clear() {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.lists)
	o.ids = 0
}

func (o *offers) drop(key offerKey) {
	if old, ok := o.lists[key]; ok {
		o.ids -= len(old.ids) + offerIDs
		delete(o.lists, key)
	}
}

// get returns the list of the section with that digest. Nobody may change it.
func (o *offers) get(key offerKey, digest asset.ID) ([]asset.ID, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	offer, ok := o.lists[key]
	return offer.ids, ok && offer.digest == digest && time.Now().Before(offer.until)
}
