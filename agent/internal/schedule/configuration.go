// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/rollcall-inventory/rollcall/agent/internal/collect"
	"github.com/rollcall-inventory/rollcall/agent/internal/state"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

const (
	// configurationName is the file of the configuration that the aggregator sent last.
	configurationName = "configuration.json"
	// longestDeadline bounds what an aggregator can grant one collector.
	longestDeadline = 5 * time.Minute
)

// Configuration is what the aggregator wants collected. It can only switch off.
type Configuration struct {
	Version            uint64            `json:"version"`
	DisabledCollectors []string          `json:"disabled_collectors"`
	IntervalSeconds    uint32            `json:"interval_seconds,omitempty"`
	DeadlineSeconds    map[string]uint32 `json:"deadline_seconds,omitempty"` // by collector
	FactKeys           *[]string         `json:"fact_keys,omitempty"`        // nil: all
}

// configurationOf reads the message of a check-in or an enrolment.
func configurationOf(m *syncv1.Configuration) Configuration {
	c := Configuration{
		Version: m.GetVersion(), DisabledCollectors: m.GetDisabledCollectors(), IntervalSeconds: m.GetIntervalSeconds(),
		DeadlineSeconds: map[string]uint32{},
	}
	for _, d := range m.GetDeadlines() {
		c.DeadlineSeconds[d.GetCollector()] = d.GetSeconds()
	}
	if m.GetFactKeys() != nil {
		keys := append([]string{}, m.GetFactKeys().GetKeys()...)
		c.FactKeys = &keys
	}
	return c
}

// LoadConfiguration reads the configuration that the aggregator sent last; the zero one when it sent none.
func LoadConfiguration(dir *state.Dir) (Configuration, error) {
	raw, err := dir.Read(configurationName, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return Configuration{}, nil
	}
	var c Configuration
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil {
		return Configuration{}, fmt.Errorf("read collection configuration: %w", err)
	}
	return c, nil
}

// SaveConfiguration keeps what came with an enrolment; nil is nothing. The state folder is locked.
func SaveConfiguration(dir *state.Dir, m *syncv1.Configuration) error {
	if m == nil {
		return nil
	}
	return configurationOf(m).save(dir)
}

func (c Configuration) save(dir *state.Dir) error {
	raw, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return dir.Write(configurationName, raw)
}

// Options returns what a collection is run with. The collectors that the machine's operator switched off stay off.
func (c Configuration) Options(disabled []string) collect.Options {
	o := collect.Options{Disabled: slices.Concat(disabled, c.DisabledCollectors), Deadlines: map[string]time.Duration{}}
	for name, seconds := range c.DeadlineSeconds {
		o.Deadlines[name] = min(time.Duration(seconds)*time.Second, longestDeadline)
	}
	if c.FactKeys != nil {
		o.FactKeys = append([]string{}, *c.FactKeys...)
	}
	return o
}

// longest returns how long collectors may take under this configuration beyond what a cycle takes at most without one.
func (c Configuration) longest() time.Duration {
	var sum time.Duration
	for _, limit := range c.Options(nil).Deadlines {
		sum += limit
	}
	return sum
}
