// SPDX-License-Identifier: Apache-2.0

package osquery

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/normal"
)

// maxText bounds one value; what is longer is no fact about a machine.
const maxText = 64 << 10

// Facts are what rows say.
type Facts struct {
	// Snapshot holds the sections alone: neither source nor serial number.
	Snapshot *inventoryv1.Snapshot
	// Uptime is in seconds since the machine booted; nil when no row tells.
	Uptime *int64
}

// FactsOf reads rows of any of the statements, in any order. Rows that say nothing, or of statements that are not known,
// are passed over. Equal rows stay: a section is a set, whoever makes one counts them once. FactsOf keeps no row.
func FactsOf(rows []map[string]string) Facts {
	b := builder{snap: &inventoryv1.Snapshot{}, portals: map[string]*portal{}}
	for _, r := range rows {
		if add, ok := readers[r["table_name"]]; ok {
			add(&b, r)
		}
	}
	b.finish()
	return Facts{Snapshot: b.snap, Uptime: b.uptime}
}

// readers know the rows by their table_name.
var readers = map[string]func(*builder, row){
	"system_info":           (*builder).systemInfo,
	"uptime":                (*builder).addUptime,
	"os_version":            (*builder).osVersion,
	"windows_build":         (*builder).windowsBuild,
	"network_interface":     (*builder).networkInterface,
	"disks":                 (*builder).disk,
	"apps":                  (*builder).app,
	"programs":              (*builder).program,
	"deb_packages":          (*builder).debPackage,
	"rpm_packages":          (*builder).rpmPackage,
	"homebrew_packages":     (*builder).brewPackage,
	"python_packages":       (*builder).pythonPackage,
	"npm_packages":          (*builder).npmPackage,
	"chrome_extensions":     (*builder).chromeExtension,
	"firefox_addons":        (*builder).firefoxAddon,
	"certificates":          (*builder).certificate,
	"company_portal":        (*builder).companyPortal,
	"ec2_instance_metadata": (*builder).ec2Metadata,
	"ec2_instance_tags":     (*builder).ec2Tag,
}

// builder collects what rows say. Some facts are spread over several rows.
type builder struct {
	snap    *inventoryv1.Snapshot
	uptime  *int64
	os      *inventoryv1.OSVersion // as os_version has it
	build   *inventoryv1.OSVersion // as windows_build has it
	portals map[string]*portal     // by file
}

// finish makes facts of what was spread.
func (b *builder) finish() {
	b.finishOS()
	b.finishPortals()
}

// addUptime reads the seconds since boot.
func (b *builder) addUptime(r row) {
	if seconds := r.atLeast("total_seconds", 0); seconds != nil {
		b.uptime = seconds
	}
}

// row is one row: values by column. osquery knows text alone; a value that it does not have is empty.
type row map[string]string

// text returns a value without the space around it, nil when nothing is left: only UTF-8 without NUL, because that is all
// that a snapshot can hold.
func (r row) text(column string) *string {
	s := r[column]
	if len(s) > maxText {
		return nil
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if s = strings.TrimSpace(strings.ReplaceAll(s, "\x00", "")); s == "" {
		return nil
	}
	return &s
}

// plain is text with "" for nothing.
func (r row) plain(column string) string {
	if s := r.text(column); s != nil {
		return *s
	}
	return ""
}

// maxInteger bounds integers: every reader of JSON can hold them exactly.
const maxInteger = 1 << 53

// number returns an integer, nil for anything else and for one that a snapshot cannot hold.
func (r row) number(column string) *int64 {
	n, err := strconv.ParseInt(r.plain(column), 10, 64)
	if err != nil || n > maxInteger || n < -maxInteger {
		return nil
	}
	return &n
}

// atLeast is number without what is less.
func (r row) atLeast(column string, least int64) *int64 {
	if n := r.number(column); n != nil && *n >= least {
		return n
	}
	return nil
}

// truth returns a flag that a table spells as 1, 0, true or false.
func (r row) truth(column string) *bool {
	v, err := strconv.ParseBool(strings.ToLower(r.plain(column)))
	if err != nil {
		return nil
	}
	return &v
}

// datetime returns a moment in the snapshot's spelling: seconds since 1970, or whatever normal.ParseDatetime takes.
func (r row) datetime(column string) *string {
	s := r.plain(column)
	if s == "" || s == "0" {
		return nil
	}
	moment, err := normal.ParseDatetime(s)
	if err != nil {
		return nil
	}
	return &moment
}

// installTime is datetime of seconds since 1970, to the minute: what one run of an installer brings shares a moment then.
func (r row) installTime(column string) *string {
	seconds := r.atLeast(column, 1)
	if seconds == nil || *seconds > maxUnix {
		return nil
	}
	moment := normal.Datetime(time.Unix(*seconds, 0).Truncate(time.Minute))
	return &moment
}

// maxUnix is the end of the year 9999.
const maxUnix = 253402300799
