// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Limits of what is said about a waiver.
const (
	maxWaiverBytes  = 64 << 10
	maxWaiverOwner  = 256 // characters, of serial numbers too
	maxWaiverReason = 4096
	maxWaiverDays   = 3660
)

// newWaiver is what a client says about a waiver.
type newWaiver struct {
	CheckID      *int64     `json:"check_id"`
	SerialNumber *string    `json:"serial_number"`
	Owner        string     `json:"owner"`
	Reason       string     `json:"reason"`
	ExpiresAt    *time.Time `json:"expires_at"`
}

func decodeWaiver(w http.ResponseWriter, r *http.Request) (newWaiver, error) {
	var body newWaiver
	if _, err := api.ParseQuery(r); err != nil {
		return body, err
	}
	if err := api.DecodeJSON(w, r, maxWaiverBytes, &body); err != nil {
		return body, err
	}
	body.Owner, body.Reason = strings.TrimSpace(body.Owner), strings.TrimSpace(body.Reason)
	return body, nil
}

// problems says what is wrong with a body; a whole one names check and machine.
func (n *newWaiver) problems(now time.Time, whole bool) compliance.FieldErrors {
	problems := compliance.FieldErrors{}
	if whole && (n.CheckID == nil || *n.CheckID < 1) {
		problems["check_id"] = []string{"The id of a check."}
	}
	if whole {
		serial := ""
		if n.SerialNumber != nil {
			serial = *n.SerialNumber
		}
		n.text(problems, "serial_number", serial, maxWaiverOwner)
	}
	n.text(problems, "owner", n.Owner, maxWaiverOwner)
	n.text(problems, "reason", n.Reason, maxWaiverReason)
	switch {
	case n.ExpiresAt == nil:
		problems["expires_at"] = []string{"This field is required."}
	case !n.ExpiresAt.After(now):
		problems["expires_at"] = []string{"It would be over already."}
	case n.ExpiresAt.After(now.AddDate(0, 0, maxWaiverDays)):
		problems["expires_at"] = []string{fmt.Sprintf("More than %d days ahead.", maxWaiverDays)}
	}
	return problems
}

func (n *newWaiver) text(problems compliance.FieldErrors, field, text string, limit int) {
	switch {
	case strings.TrimSpace(text) == "":
		problems[field] = []string{"This field is required."}
	case utf8.RuneCountInString(text) > limit:
		problems[field] = []string{fmt.Sprintf("At most %d characters.", limit)}
	case strings.ContainsRune(text, 0):
		problems[field] = []string{"It must not have a NUL."}
	}
}

// sameAs notes where the body names another check or machine than the waiver has.
func (n *newWaiver) sameAs(w store.Waiver, problems compliance.FieldErrors) {
	const other = "It stays as it is: make another waiver."
	if n.CheckID != nil && *n.CheckID != w.CheckID {
		problems["check_id"] = []string{other}
	}
	if n.SerialNumber != nil && *n.SerialNumber != w.SerialNumber {
		problems["serial_number"] = []string{other}
	}
}

// waiver is what a body without problems asks for.
func (n *newWaiver) waiver() store.Waiver {
	w := store.Waiver{Owner: n.Owner, Reason: n.Reason, ExpiresAt: *n.ExpiresAt}
	if n.CheckID != nil {
		w.CheckID = *n.CheckID
	}
	if n.SerialNumber != nil {
		w.SerialNumber = *n.SerialNumber
	}
	return w
}
