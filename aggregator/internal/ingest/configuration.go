// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// configurations are the collection configurations as they were read last; nil: not yet. A check-in asks memory alone.
type configurations struct {
	atomic.Pointer[store.Configurations]
}

// of returns the configuration of a machine's enrolment; known is false while none were read.
func (c *configurations) of(enrollment int64) (configuration *store.Configuration, known bool) {
	all := c.Load()
	if all == nil {
		return nil, false
	}
	return all.Of(enrollment), true
}

// unitOf returns the business unit of an enrolment, nil for none; known is false for an enrolment that was not read.
func (c *configurations) unitOf(enrollment int64) (unit *store.BusinessUnit, known bool) {
	all := c.Load()
	if all == nil {
		return nil, false
	}
	return all.UnitOf(enrollment)
}

// Reconfigure reads the collection configurations: those that are delivered from now on. Run calls it every few seconds;
// whoever has changed one need not wait for that.
func (s *Service) Reconfigure(ctx context.Context) error {
	for {
		before := s.configurations.Load()
		now, err := s.store.Configurations(ctx, before)
		if err != nil {
			return err
		}
		if s.configurations.CompareAndSwap(before, now) { // else somebody was quicker, maybe with something newer
			return nil
		}
	}
}

// catchUp is Reconfigure for a call that waits for it.
func (s *Service) catchUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, maxCall)
	defer cancel()
	turn, err := s.gates.queries.enter(ctx)
	if err != nil {
		return err
	}
	defer turn.leave()
	return s.Reconfigure(ctx)
}

// configurationVersion returns the version that the machines of an enrolment should run with, 0 for none.
func (s *Service) configurationVersion(enrollment int64) uint64 {
	configuration, _ := s.configurations.of(enrollment)
	if configuration == nil {
		return 0
	}
	return uint64(configuration.Version)
}

// configurationFor returns what an agent that runs with a version has to be told; nil: nothing. A version above the one
// that is in memory most likely comes from another aggregator that heard of a change first: it is not to be taken back.
func (s *Service) configurationFor(ctx context.Context, enrollment int64, version uint64) *syncv1.Configuration {
	if _, known := s.configurations.of(enrollment); known && version > s.configurationVersion(enrollment) {
		if err := s.catchUp(ctx); err != nil {
			s.logged(ctx, "read collection configurations", err)
			return nil
		}
	}
	configuration, known := s.configurations.of(enrollment)
	if !known || s.configurationVersion(enrollment) == version {
		return nil
	}
	if configuration == nil {
		return &syncv1.Configuration{} // the agent has one that is gone
	}
	return configurationMessage(configuration)
}

// configurationMessage is a configuration as agents take it.
func configurationMessage(c *store.Configuration) *syncv1.Configuration {
	out := &syncv1.Configuration{Version: uint64(c.Version), IntervalSeconds: uint32(c.IntervalSeconds)}
	disabled := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(c.Collectors)) {
		setting := c.Collectors[name]
		if !setting.Enabled {
			disabled[name] = true
		}
		if setting.DeadlineSeconds > 0 {
			out.Deadlines = append(out.Deadlines, &syncv1.CollectorDeadline{Collector: name, Seconds: uint32(setting.DeadlineSeconds)})
		}
	}
	if !c.EC2Metadata { // all that comes from the metadata service
		disabled["ec2_instance_metadata"], disabled["ec2_instance_tags"], disabled["cloud_instance"] = true, true, true
	}
	if !c.EC2Tags {
		disabled["ec2_instance_tags"] = true
	}
	out.DisabledCollectors = slices.Sorted(maps.Keys(disabled))
	if c.FactKeys != nil {
		out.FactKeys = &syncv1.FactKeys{Keys: c.FactKeys}
	}
	return out
}

// interval returns the seconds until the next check-in of a machine of an enrolment.
func (s *Service) interval(enrollment int64) uint32 {
	usual := s.options.Interval
	if c, _ := s.configurations.of(enrollment); c != nil && c.IntervalSeconds > 0 {
		usual = time.Duration(c.IntervalSeconds) * time.Second
	}
	return uint32(max(1, s.pace.spread(usual, time.Now(), rand.Float64()).Seconds()))
}
