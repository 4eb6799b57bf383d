// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/index"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// naming is how the families of the inventory are called.
type naming struct {
	prefix, suffix string // of a family by age
	tagged         string
	age            *ageLabel
}

var (
	zentralNames  = naming{"zentral_inventory_", "_bucket", "zentral_inventory_machine_tags", &ageOfZentral}
	rollcallNames = naming{"rollcall_inventory_", "", "rollcall_inventory_tagged_machines", &ageOfRollcall}
)

// noTaxonomy stands for the taxonomy of a tag that has none.
const noTaxonomy = "_"

// inventory is one answer while it is put together.
type inventory struct {
	*Fleet
	*document
	census  *index.Census
	sources []store.Source // of all families so far
}

// Inventory returns what is configured of the inventory; index.ErrBuilding while the index is being built.
func (f *Fleet) Inventory(ctx context.Context) ([]byte, error) {
	census, err := f.census(ctx)
	if err != nil {
		return nil, err
	}
	i := &inventory{Fleet: f, document: f.document("rollcall_inventory_series_cut"), census: census}
	for _, write := range []func(context.Context) error{i.packages, i.instances, i.systems, i.active, i.tags} {
		if err := write(ctx); err != nil {
			return nil, err
		}
	}
	return i.end(), nil
}

// byAge adds a family that has a value for each age.
func (i *inventory) byAge(name, help string, labels []string, rows []index.Counted, of func(*index.Counted) []string) {
	samples := make([]sample, len(rows))
	for n := range rows {
		samples[n] = sample{labels: of(&rows[n]), ages: rows[n].Ages}
	}
	all := family{name: i.names.prefix + name + i.names.suffix, help: help, labels: labels}
	all.add(samples)
	i.add(all, i.names.age)
}

// sourcesOf returns the sources of a family, and notes them for active.
func (i *inventory) sourcesOf(of *config.MetricFamily) ([]store.Source, error) {
	sources, err := i.census.Sources(of.Sources)
	for _, source := range sources {
		if !slices.ContainsFunc(i.sources, func(known store.Source) bool { return known.ID == source.ID }) {
			i.sources = append(i.sources, source)
		}
	}
	return sources, err
}

var softwareLabels = []string{"name", "version", "source_name", "source_id"}

func ofSoftware(c *index.Counted) []string {
	return []string{c.Name, c.Version, c.Source.Name, sourceID(&c.Source)}
}

// packages writes the families whose unit is a machine that has a version.
func (i *inventory) packages(context.Context) error {
	options := &i.options.Config
	for _, f := range []struct {
		of         *config.MetricFamily
		kind, help string
	}{
		{options.AndroidApps, "android_apps", "Machines that have a version of an Android app, by when they were seen."},
		{options.DebPackages, "deb_packages", "Machines that have a version of a Debian package, by when they were seen."},
		{options.IOSApps, "ios_apps", "Machines that have a version of an iOS app, by when they were seen."},
	} {
		if f.of == nil {
			continue
		}
		sources, err := i.sourcesOf(f.of)
		if err != nil {
			return err
		}
		byType := f.of == options.DebPackages
		rows, err := i.census.Versions(f.kind, unique(f.of.Names), sources, byType)
		if err != nil {
			return err
		}
		labels, of := softwareLabels, ofSoftware
		if byType {
			labels = append(slices.Clone(labels), "machine_type")
			of = func(c *index.Counted) []string { return append(ofSoftware(c), c.Type) }
		}
		i.byAge(f.kind, f.help, labels, rows, of)
	}
	return nil
}

// instances writes the families whose unit is what is installed: two copies on a machine are two.
func (i *inventory) instances(ctx context.Context) error {
	if apps := i.options.Config.OSXApps; apps != nil {
		rows, labels, err := i.labelled(ctx, &i.apps, apps, false)
		if err != nil {
			return err
		}
		i.byAge("osx_apps", "Instances of a version of a macOS app, by when their machines were seen.", softwareLabels, rows,
			func(c *index.Counted) []string {
				of := labels[c.Asset]
				return []string{of[0], of[1], c.Source.Name, sourceID(&c.Source)}
			})
	}
	programs := i.options.Config.Programs
	if programs == nil {
		return nil
	}
	sources, err := i.sourcesOf(programs)
	if err != nil {
		return err
	}
	rows, err := i.census.Instances("program_instances", unique(programs.Names), sources)
	if err != nil {
		return err
	}
	i.byAge("programs", "Instances of a version of a Windows program, by when their machines were seen.", softwareLabels, rows, ofSoftware)
	return nil
}

// systems writes what machines run.
func (i *inventory) systems(ctx context.Context) error {
	versions := i.options.Config.OSVersions
	if versions == nil {
		return nil
	}
	rows, labels, err := i.labelled(ctx, &i.os, versions, true)
	if err != nil {
		return err
	}
	i.byAge("os_versions", "Machines that run a version of an operating system, by when they were seen.",
		[]string{"name", "major", "minor", "patch", "build", "version", "source_id", "source_name", "platform"}, rows,
		func(c *index.Counted) []string {
			return append(slices.Clone(labels[c.Asset]), sourceID(&c.Source), c.Source.Name, c.Platform)
		})
	return nil
}

// labelled counts assets whose labels are in their bodies.
func (i *inventory) labelled(ctx context.Context, l *labels, of *config.MetricFamily, byPlatform bool) ([]index.Counted, map[int64][]string, error) {
	sources, err := i.sourcesOf(of)
	if err != nil {
		return nil, nil, err
	}
	ids, labels, err := i.refreshed(ctx, l)
	if err != nil {
		return nil, nil, err
	}
	rows, err := i.census.Assets(ids, sources, byPlatform)
	return rows, labels, err
}

// refreshed returns the assets of a kind that count, and their labels, as they are now.
func (i *inventory) refreshed(ctx context.Context, l *labels) ([]int64, map[int64][]string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := l.refresh(ctx, i.census); err != nil {
		return nil, nil, err
	}
	return slices.Clone(l.ids), maps.Clone(l.of), nil
}

// active writes the machines of all sources that the families before are about.
func (i *inventory) active(context.Context) error {
	if i.options.Config == (config.MetricsOptions{}) {
		return nil
	}
	rows, err := i.census.Active(i.sources)
	if err != nil {
		return err
	}
	i.byAge("active_machines", "Machines, by when they were seen.", []string{"platform", "machine_type", "source_id", "source_name"}, rows,
		func(c *index.Counted) []string {
			return []string{c.Platform, c.Type, sourceID(&c.Source), c.Source.Name}
		})
	return nil
}

// tags writes how many machines carry each tag, be they known, archived or never reported.
func (i *inventory) tags(ctx context.Context) error {
	uses, err := i.facts.tagUses(ctx, i.index.Edits())
	if err != nil {
		return err
	}
	carried, err := i.census.Tags()
	if err != nil {
		return err
	}
	var samples []sample
	for _, t := range uses {
		taxonomy := t.Taxonomy
		if taxonomy == "" {
			taxonomy = noTaxonomy
		}
		if machines := carried[t.ID] + int(t.Unreported); machines > 0 {
			samples = append(samples, sample{labels: []string{taxonomy, t.Name}, value: machines})
		}
	}
	all := family{name: i.names.tagged, help: "Machines that carry a tag, archived and unreported ones among them.", labels: []string{"taxonomy", "tag"}}
	all.add(samples)
	i.add(all, nil)
	return nil
}

func sourceID(s *store.Source) string { return strconv.Itoa(int(s.ID)) }

// unique returns names, each once.
func unique(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }
