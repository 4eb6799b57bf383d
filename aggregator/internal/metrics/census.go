// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// FleetOptions say what the metrics of the fleet tell.
type FleetOptions struct {
	Config    config.MetricsOptions
	Zentral   bool             // the names are those of the outside contract
	MaxSeries int              // combinations of labels of a family, at most; 0: 1000
	Now       func() time.Time // nil: time.Now
}

// defaultSeries is what MaxSeries is by default.
const defaultSeries = 1000

// Fleet counts machines, software and compliance for Prometheus, at the moment that it is asked. It is safe for
// concurrent use.
type Fleet struct {
	index   *index.Index
	store   *store.Store
	options FleetOptions
	facts   facts
	names   naming

	mu   sync.Mutex // over what follows
	os   labels
	apps labels
}

// NewFleet returns the metrics of an index and of what only the store knows. Without an index it is as if that was being
// built.
func NewFleet(x *index.Index, s *store.Store, o FleetOptions) *Fleet {
	if o.MaxSeries == 0 {
		o.MaxSeries = defaultSeries
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	f := &Fleet{index: x, store: s, options: o, facts: facts{store: s}, names: rollcallNames}
	if o.Zentral {
		f.names = zentralNames
	}
	f.os = labels{kind: "os_version", read: s.OSVersionLabels}
	f.apps = labels{kind: "osx_app_instances", read: f.readApps}
	return f
}

func (f *Fleet) readApps(ctx context.Context, ids []int64) ([]store.AssetLabels, error) {
	apps := f.options.Config.OSXApps
	return f.store.AppLabels(ctx, ids, apps.BundleIDs, apps.BundleNames)
}

// census counts the fleet as it is now.
func (f *Fleet) census(ctx context.Context) (*index.Census, error) {
	if f.index == nil {
		return nil, index.ErrBuilding
	}
	if err := f.index.Fresh(ctx); err != nil {
		return nil, err
	}
	return f.index.Census(f.options.Now())
}

// document is an answer while it is written.
type document struct {
	out   bytes.Buffer
	limit int
	cuts  family
}

func (f *Fleet) document(cuts string) *document {
	return &document{limit: f.options.MaxSeries, cuts: family{
		name: cuts, help: "Combinations of labels that were left out because the family has too many, by family.", labels: []string{"family"},
	}}
}

// add writes a family, or what there is room for.
func (d *document) add(of family, age *ageLabel) {
	cut := of.cut(d.limit)
	of.write(&d.out, age)
	d.cuts.samples = append(d.cuts.samples, sample{labels: []string{of.name}, value: cut})
}

// end writes what was cut.
func (d *document) end() []byte {
	d.cuts.write(&d.out, nil)
	return d.out.Bytes()
}

// labels are what bodies of one kind say. Bodies never change, so that each is read once.
type labels struct {
	kind string
	read func(context.Context, []int64) ([]store.AssetLabels, error)

	mark index.Mark
	left []int64 // before the mark, but not read yet
	of   map[int64][]string
	ids  []int64 // of all that count
}

// labelBatch is how many bodies are read at once.
const labelBatch = 5000

// refresh reads what is new. When it ends in the middle, as when a scrape takes too long, the next one goes on from there.
func (l *labels) refresh(ctx context.Context, c *index.Census) error {
	ids, next, anew, err := c.NewAssets(l.kind, l.mark)
	if err != nil {
		return err
	}
	if anew || l.of == nil {
		l.of, l.ids, l.left = map[int64][]string{}, nil, nil
	}
	l.left, l.mark = append(l.left, ids...), next
	for len(l.left) > 0 {
		batch := l.left[:min(labelBatch, len(l.left))]
		found, err := l.read(ctx, batch)
		if err != nil {
			return err
		}
		for _, a := range found {
			l.of[a.ID], l.ids = a.Labels, append(l.ids, a.ID)
		}
		l.left = l.left[len(batch):]
	}
	l.left = nil
	return nil
}
