// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	if !onMac {
		return
	}
	mac := []string{"darwin"}
	register(Collector{Name: "services", On: mac, Essential: true, CollectFiles: collectMacServices})
	register(Collector{Name: "scheduled_tasks", On: mac, Essential: true, CollectFiles: collectMacTasks})
}

// collectMacServices lists the jobs of launchd. Which of them run only launchd itself knows: most are started when
// somebody asks for them, and end by themselves.
func collectMacServices(_ context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
	jobs, err := launchJobs(h, files)
	for _, j := range jobs {
		start := "manual"
		switch {
		case j.disabled:
			start = "disabled"
		case j.atLoad:
			start = "enabled"
		}
		snap.Services = append(snap.Services, &inventoryv1.Service{
			Name: fact(j.label), Type: proto.String("launchd"), StartType: fact(start), Path: fact(j.path),
			User: fact(j.user), Source: fact(j.source),
		})
	}
	return err
}

// collectMacTasks lists the jobs of launchd that the clock starts.
func collectMacTasks(_ context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
	jobs, err := launchJobs(h, files)
	for _, j := range jobs {
		if j.schedule == "" {
			continue
		}
		snap.ScheduledTasks = append(snap.ScheduledTasks, &inventoryv1.ScheduledTask{
			Name: fact(j.label), Type: proto.String("launchd"), Schedule: fact(j.schedule), Command: fact(j.command),
			User: fact(j.user), Source: fact(j.source), Enabled: proto.Bool(!j.disabled),
		})
	}
	return err
}
