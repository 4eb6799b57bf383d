// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bytes"
	"context"
)

// Tasks returns how many tasks of each name have each status.
func (f *Fleet) Tasks(ctx context.Context) ([]byte, error) {
	counts, err := f.store.TaskCounts(ctx)
	if err != nil {
		return nil, err
	}
	all := family{name: "rollcall_task_results", help: "Tasks that are kept, by name and status.", labels: []string{"name", "status"}}
	if f.options.Zentral {
		all.name = "zentral_base_tasks_bucket"
	}
	for _, c := range counts {
		all.samples = append(all.samples, sample{labels: []string{c.Name, string(c.Status)}, value: int(c.Count)})
	}
	var out bytes.Buffer
	all.write(&out, nil)
	return out.Bytes(), nil
}
