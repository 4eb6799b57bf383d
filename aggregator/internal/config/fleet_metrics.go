// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"slices"
)

// MetricsOptions say which families of metrics tell of the fleet; nil families are left out. The keys are those of the
// outside contract.
type MetricsOptions struct {
	AndroidApps *MetricFamily `json:"android_apps"`
	DebPackages *MetricFamily `json:"deb_packages"`
	IOSApps     *MetricFamily `json:"ios_apps"`
	OSXApps     *MetricFamily `json:"osx_apps"`
	Programs    *MetricFamily `json:"programs"`
	OSVersions  *MetricFamily `json:"os_versions"`
}

// MetricFamily says what one family counts.
type MetricFamily struct {
	Sources     []string `json:"sources"` // by name, without regard to case
	Names       []string `json:"names"`   // exactly
	BundleIDs   []string `json:"bundle_ids"`
	BundleNames []string `json:"bundle_names"`
}

func (MetricsOptions) isWhole() {}

// FleetMetrics are the settings of the fleet's metrics.
type FleetMetrics struct {
	Metrics                bool           `setting:"" help:"Serve the fleet's metrics at /metrics/inventory/ and /metrics/compliance_checks/."`
	MetricsOptions         MetricsOptions `setting:"" name:"metrics-options" placeholder:"YAML" help:"Which families of metrics tell of the fleet: a mapping with android_apps, deb_packages, ios_apps, osx_apps, programs and os_versions, each with sources and names."`
	MetricsNames           string         `setting:"" name:"metrics-names" enum:"rollcall,zentral" default:"rollcall" help:"How those families are called: rollcall, conventional names, or zentral, for dashboards that exist (default ${default})."`
	MetricsBearerTokenFile string         `setting:"" name:"metrics-bearer-token-file" placeholder:"FILE" help:"What Prometheus shows as a bearer token stands in this file; an API token that may see the inventory opens the metrics, too."`
	MetricsMaxSeries       int            `setting:"" name:"metrics-max-series" default:"1000" help:"How many combinations of labels a family has at the most; the rarest are cut (default ${default})."`
}

func (m *FleetMetrics) validate() error {
	if m.MetricsMaxSeries < 1 || m.MetricsMaxSeries > 1_000_000 {
		return fmt.Errorf("--metrics-max-series %d: from 1 to 1000000", m.MetricsMaxSeries)
	}
	o := &m.MetricsOptions
	named := []string{"names"}
	for _, family := range []struct {
		key    string
		family *MetricFamily
		by     []string // one of these is needed, and no other may be there
	}{
		{"android_apps", o.AndroidApps, named},
		{"deb_packages", o.DebPackages, named},
		{"ios_apps", o.IOSApps, named},
		{"osx_apps", o.OSXApps, []string{"bundle_ids", "bundle_names"}},
		{"programs", o.Programs, named},
		{"os_versions", o.OSVersions, nil},
	} {
		if family.family == nil {
			continue
		}
		if err := family.family.validate(family.by); err != nil {
			return fmt.Errorf("metrics_options.%s.%w", family.key, err)
		}
	}
	return nil
}

// validate wants sources, and names under one of the given keys.
func (f *MetricFamily) validate(by []string) error {
	if len(f.Sources) == 0 {
		return errors.New("sources: missing, a list of names of sources is needed")
	}
	if slices.Contains(f.Sources, "") {
		return errors.New("sources: an empty name")
	}
	given := 0
	for _, list := range []struct {
		key  string
		list []string
	}{{"names", f.Names}, {"bundle_ids", f.BundleIDs}, {"bundle_names", f.BundleNames}} {
		switch {
		case len(list.list) == 0:
			continue
		case !slices.Contains(by, list.key):
			return fmt.Errorf("%s: not a key of this family", list.key)
		case slices.Contains(list.list, ""):
			return fmt.Errorf("%s: an empty name", list.key)
		}
		given++
	}
	if len(by) == 1 && given == 0 {
		return fmt.Errorf("%s: missing, a list is needed", by[0])
	}
	if len(by) == 2 && given == 0 {
		return fmt.Errorf("%s: missing, a list of those or of %s is needed", by[0], by[1])
	}
	return nil
}
