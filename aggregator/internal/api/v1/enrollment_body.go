// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Limits of what is said about an enrolment.
const (
	maxEnrollmentBytes = 4 << 20
	maxEnrollmentName  = 256 // characters, of names, serial numbers and UUIDs
	maxEnrollmentTags  = 100
	maxEnrollmentList  = 10_000 // machines
	maxEnrollmentQuota = 10_000_000
)

// newEnrollment is what a client says about an enrolment; what it leaves out is as in a new one.
type newEnrollment struct {
	Name          string     `json:"name"`
	BusinessUnit  *int64     `json:"business_unit"`
	Tags          []int64    `json:"tags"`
	SerialNumbers []string   `json:"serial_numbers"`
	UDIDs         []string   `json:"udids"`
	Quota         *int       `json:"quota"`
	ExpiresAt     *time.Time `json:"expires_at"`
	Configuration *int64     `json:"configuration"`
}

// decodeEnrollment reads and checks the body of a request.
func decodeEnrollment(w http.ResponseWriter, r *http.Request) (store.EnrollmentSettings, error) {
	var body newEnrollment
	if _, err := api.ParseQuery(r); err != nil {
		return store.EnrollmentSettings{}, err
	}
	if err := api.DecodeJSON(w, r, maxEnrollmentBytes, &body); err != nil {
		return store.EnrollmentSettings{}, err
	}
	body.Name = strings.TrimSpace(body.Name)
	problems := compliance.FieldErrors{}
	body.check(problems)
	if len(problems) > 0 {
		return store.EnrollmentSettings{}, problems
	}
	n := store.EnrollmentSettings{
		Name: body.Name, MetaBusinessUnit: body.BusinessUnit, SerialNumbers: body.SerialNumbers, UDIDs: body.UDIDs,
		ExpiresAt: body.ExpiresAt, Configuration: body.Configuration,
	}
	for _, id := range body.Tags {
		if !slices.Contains(n.Tags, id) {
			n.Tags = append(n.Tags, id)
		}
	}
	if body.Quota != nil {
		n.Quota = *body.Quota
	}
	return n, nil
}

// check notes what is wrong with a body.
func (n *newEnrollment) check(problems compliance.FieldErrors) {
	if text := wrongWord(n.Name); text != "" {
		problems["name"] = []string{text}
	}
	for field, words := range map[string][]string{"serial_numbers": n.SerialNumbers, "udids": n.UDIDs} {
		if len(words) > maxEnrollmentList {
			problems[field] = []string{fmt.Sprintf("More than %d machines.", maxEnrollmentList)}
		}
		for i, word := range words {
			if text := wrongWord(word); text != "" {
				problems[field] = []string{fmt.Sprintf("Entry %d: %s", i, text)}
				break
			}
		}
	}
	if len(n.Tags) > maxEnrollmentTags {
		problems["tags"] = []string{fmt.Sprintf("More than %d tags.", maxEnrollmentTags)}
	}
	if n.Quota != nil && (*n.Quota < 1 || *n.Quota > maxEnrollmentQuota) {
		problems["quota"] = []string{fmt.Sprintf("From 1 to %d, or null for any number.", maxEnrollmentQuota)}
	}
}

// wrongWord says what is wrong with a name, a serial number or a UUID.
func wrongWord(text string) string {
	switch {
	case strings.TrimSpace(text) == "":
		return "It must not be empty."
	case strings.ContainsRune(text, 0):
		return "It must not have a NUL."
	case utf8.RuneCountInString(text) > maxEnrollmentName:
		return fmt.Sprintf("At most %d characters.", maxEnrollmentName)
	}
	return ""
}
