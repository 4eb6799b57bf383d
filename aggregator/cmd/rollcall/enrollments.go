// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"time"
)

type enrollmentsCmd struct {
	List   enrollmentList   `cmd:"" help:"List the enrolments; never the secrets."`
	Create enrollmentCreate `cmd:"" help:"Create an enrolment and print its secret, this once."`
	Revoke enrollmentRevoke `cmd:"" help:"Let no more machines in through an enrolment. Those that used it stay."`
}

type enrollmentList struct{}

// Run lists enrolments.
func (enrollmentList) Run(p *program) error {
	return p.list("/api/v1/enrollments", "enrollments", nil, column{"ID", "id"}, column{"NAME", "name"},
		column{"BUSINESS UNIT", "business_unit.name"}, column{"TAGS", "tags.name"}, column{"USED", "request_count"}, column{"QUOTA", "quota"},
		column{"EXPIRES", "expires_at"}, column{"REVOKED", "revoked_at"})
}

type enrollmentCreate struct {
	Name          string        `arg:"" help:"What the secret is for."`
	BusinessUnit  int64         `placeholder:"ID" help:"The business unit of the machines."`
	Tag           []int64       `placeholder:"ID" help:"A tag of the machines; may be repeated."`
	SerialNumber  []string      `help:"Let only this machine in; may be repeated."`
	Quota         int           `help:"How many machines may enrol. Any number by default."`
	Expires       time.Duration `help:"When it ends, from now: 12h, 30d. Never by default."`
	Configuration int64         `placeholder:"ID" help:"The collection configuration of the machines; the one called default otherwise."`
}

// Run creates an enrolment.
func (e *enrollmentCreate) Run(p *program) error {
	body := map[string]any{"name": e.Name}
	if e.BusinessUnit != 0 {
		body["business_unit"] = e.BusinessUnit
	}
	if len(e.Tag) > 0 {
		body["tags"] = e.Tag
	}
	if len(e.SerialNumber) > 0 {
		body["serial_numbers"] = e.SerialNumber
	}
	if e.Quota != 0 {
		body["quota"] = e.Quota
	}
	if at := end(e.Expires); at != nil {
		body["expires_at"] = at
	}
	if e.Configuration != 0 {
		body["configuration"] = e.Configuration
	}
	return p.create("/api/v1/enrollments", "secret", fmt.Sprintf("Secret of the enrolment %q", e.Name), body)
}

type enrollmentRevoke struct {
	ID int64 `arg:"" help:"The enrolment."`
}

// Run revokes an enrolment.
func (r *enrollmentRevoke) Run(p *program) error {
	return p.remove(fmt.Sprintf("/api/v1/enrollments/%d", r.ID))
}
