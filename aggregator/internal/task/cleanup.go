// SPDX-License-Identifier: Apache-2.0

package task

import (
	"context"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// CleanupArgs are the arguments of the task that deletes history which is older than so many days.
type CleanupArgs struct {
	Days int `json:"days"`
}

// Kind implements Args.
func (CleanupArgs) Kind() string { return "cleanup" }

// Cleanup is what the task leaves behind, with the names of the outside contract.
type Cleanup struct {
	Days     int                     `json:"days"`
	MaxDate  string                  `json:"max_date"` // changes before it are gone; UTC without a zone
	Tables   map[string]CleanedTable `json:"tables"`
	Duration float64                 `json:"duration"` // seconds
}

// CleanedTable is what became of one of the contract's tables.
type CleanedTable struct {
	Attempts int     `json:"attempts"`
	RowCount int64   `json:"rowcount"`
	Duration float64 `json:"duration"` // seconds
	Status   int     `json:"status"`   // 0: done
}

// The tables of the contract that correspond to something here.
const (
	commitTable   = "machine_snapshot_commit"
	snapshotTable = "inventory_machinesnapshot"
)

// otherTables are the contract's tables without a counterpart: shared assets stay, private facts go with their changes.
var otherTables = []string{
	"inventory_puppetnode", "inventory_principaluser", "inventory_systeminfo", "inventory_teamviewer", "inventory_osversion",
	"inventory_androidapp", "inventory_debpackage", "inventory_iosapp", "inventory_programinstance", "inventory_program",
	"inventory_machinegroup", "inventory_link", "inventory_disk", "inventory_networkinterface", "inventory_osxappinstance",
	"inventory_osxapp", "inventory_profile_payloads", "inventory_payload", "inventory_profile", "inventory_certificate",
	"inventory_ec2instancemetadata", "inventory_ec2instancetag",
}

// RegisterCleanup makes the queue work at cleanups.
func RegisterCleanup(q *Queue) {
	RegisterLaunched(q, func(ctx context.Context, args CleanupArgs, run *Run) error {
		begin := time.Now()
		cleaned, err := q.store.CleanHistory(ctx, args.Days, run.Progress)
		if err != nil {
			return err
		}
		done := cleanupOf(args.Days, cleaned, time.Since(begin))
		if err := q.store.RecordCleanupFinished(ctx, done); err != nil {
			return err
		}
		return run.Result(done)
	})
}

func cleanupOf(days int, cleaned store.Cleaned, took time.Duration) Cleanup {
	c := Cleanup{Days: days, MaxDate: cleaned.MaxDate(), Tables: map[string]CleanedTable{}, Duration: took.Seconds()}
	for _, table := range otherTables {
		c.Tables[table] = CleanedTable{Attempts: 1}
	}
	c.Tables[commitTable] = CleanedTable{Attempts: max(1, cleaned.Batches), RowCount: cleaned.Changes, Duration: took.Seconds()}
	c.Tables[snapshotTable] = CleanedTable{Attempts: 1, RowCount: cleaned.Snapshots}
	return c
}
