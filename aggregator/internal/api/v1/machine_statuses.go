// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"fmt"
	"net/http"
	"time"
)

// machineStatus is how the machine of the path stands with one check.
type machineStatus struct {
	CheckID   int64    `json:"check_id"`
	CheckName string   `json:"check_name"`
	Severity  string   `json:"severity"`
	Labels    []string `json:"labels"`
	status
}

// machineStatusList also says how the machine stands with all checks together; null: it has no result that counts.
type machineStatusList struct {
	Status     *int            `json:"status"`
	Display    *string         `json:"status_display"`
	Since      *time.Time      `json:"since"`
	Statuses   []machineStatus `json:"statuses"`
	NextCursor *string         `json:"next_cursor"`
}

// listMachineStatuses lists how one machine stands with the checks that it is in the scope of.
func (a *API) listMachineStatuses(w http.ResponseWriter, r *http.Request) error {
	d, err := a.machine(r)
	if err != nil {
		return err
	}
	list := a.list(fmt.Sprintf("machine statuses %d", d.ID))
	var after int64
	limit, err := readPage(r, list, &after)
	if err != nil {
		return err
	}
	found, err := a.store.MachineStatuses(r.Context(), d.ID, after, limit)
	if err != nil {
		return err
	}
	answer, waivers := machineStatusList{Statuses: []machineStatus{}}, seesWaivers(r.Context())
	for _, s := range found {
		answer.Statuses = append(answer.Statuses, machineStatus{
			CheckID: s.CheckID, CheckName: s.CheckName, Severity: s.Severity, Labels: append([]string{}, s.Labels...),
			status: statusOfMachine(s.CheckMachine, waivers),
		})
	}
	overall, known, err := a.store.OverallStatus(r.Context(), d.ID)
	if err != nil {
		return err
	}
	if known {
		answer.Status, answer.Display = statusOf(overall.Status)
		answer.Since = moment(overall.Since)
	}
	answer.NextCursor = nextCursor(list, len(found), limit, func() any { return found[len(found)-1].CheckID })
	return answerJSON(w, r, answer)
}
