// SPDX-License-Identifier: Apache-2.0

package compliance

import "strconv"

// Status is the result of a check for one machine. The numbers are the
// contract's: they are stored, sent in events, and ordered by severity.
type Status int

// The statuses from best to worst. StatusPending (in scope, no result for the
// current version yet) and StatusOutOfScope are never stored.
const (
	StatusOK         Status = 0
	StatusPending    Status = 100
	StatusUnknown    Status = 200
	StatusFailed     Status = 300
	StatusOutOfScope Status = 400
)

var statusNames = map[Status]string{
	StatusOK:         "OK",
	StatusPending:    "PENDING",
	StatusUnknown:    "UNKNOWN",
	StatusFailed:     "FAILED",
	StatusOutOfScope: "OUT_OF_SCOPE",
}

// String returns the contract's name of s, or its number when it has none.
func (s Status) String() string {
	if name, ok := statusNames[s]; ok {
		return name
	}
	return strconv.Itoa(int(s))
}

// Overall returns the status of a machine whose checks have these statuses: the
// worst of them. It reports false when there are none, which is no status at all.
func Overall(statuses []Status) (Status, bool) {
	if len(statuses) == 0 {
		return 0, false
	}
	worst := statuses[0]
	for _, s := range statuses[1:] {
		worst = max(worst, s)
	}
	return worst, true
}
