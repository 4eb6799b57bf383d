// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/task"
)

// tasks opens the queue of background work and registers what it does: one line for each kind.
func (p *program) tasks(ctx context.Context, c *config.Serve, dsn string, registerer prometheus.Registerer) (*task.Queue, error) {
	queue, err := task.Open(ctx, dsn, task.Options{
		Metrics: registerer, Log: p.log, Files: c.ExportFolder(), FilesMost: c.ExportMaxGiB << 30, Retention: c.ExportRetention,
	})
	if err != nil {
		return nil, err
	}
	task.Upkeep(queue, c.SnapshotRetentionDays)
	task.Compliance(queue)
	return queue, nil
}
