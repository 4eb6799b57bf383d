// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"fmt"
	"net/http"
)

// machineStatus is the result of one check for the machine of the path.
type machineStatus struct {
	CheckID   int64  `json:"check_id"`
	CheckName string `json:"check_name"`
	status
}

type machineStatusList struct {
	Statuses   []machineStatus `json:"statuses"`
	NextCursor *string         `json:"next_cursor"`
}

// listMachineStatuses lists the results of all checks for one machine.
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
	answer := machineStatusList{Statuses: []machineStatus{}}
	for _, s := range found {
		one := machineStatus{CheckID: s.CheckID, CheckName: s.CheckName, status: status{
			SerialNumber: s.SerialNumber, Status: int(s.Status), Display: s.Status.String(), CheckVersion: s.Version,
			StatusTime: s.At.UTC(), Since: s.Since.UTC(),
		}}
		if s.Previous != nil {
			one.PreviousStatus, _ = statusOf(*s.Previous)
		}
		answer.Statuses = append(answer.Statuses, one)
	}
	answer.NextCursor = nextCursor(list, len(found), limit, func() any { return found[len(found)-1].CheckID })
	return answerJSON(w, r, answer)
}
