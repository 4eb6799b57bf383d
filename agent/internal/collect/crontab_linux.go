// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

// Limits of what tables may make of a machine.
const (
	maxCrontabs     = 5000 // files of a folder
	maxCrontabLines = 5000 // of a file
	maxTaskCommand  = 4096 // bytes of one
)

// crontabs gathers what cron, anacron and at start.
type crontabs struct {
	h       host.Host
	files   *memo
	rows    []*inventoryv1.ScheduledTask
	denied  gap
	trouble []error
}

// table adds the tasks of one file, which parse reads.
func (c *crontabs) table(file string, parse func(text string) []*inventoryv1.ScheduledTask) {
	rows, err := remember(c.files, c.h, file, func() ([]*inventoryv1.ScheduledTask, error) {
		raw, err := host.ReadFile(c.h.FS(), file, smallFile)
		if err != nil {
			return nil, err
		}
		rows := parse(string(raw))
		for _, row := range rows {
			row.Source = fact("/" + file)
		}
		return rows, nil
	})
	if err = c.denied.allow(file, err); err != nil {
		c.trouble = append(c.trouble, err)
	}
	c.rows = append(c.rows, rows...)
}

// systemTables reads the tables whose lines name an account.
//
// Source: crontab(5), cron(8), anacrontab(5).
func (c *crontabs) systemTables() {
	c.table("etc/crontab", func(text string) []*inventoryv1.ScheduledTask { return parseCrontab(text, "crontab", "") })
	for _, e := range c.entriesOf("etc/cron.d") {
		if name := e.Name(); !e.IsDir() && !leftover(name) {
			c.table("etc/cron.d/"+name, func(text string) []*inventoryv1.ScheduledTask { return parseCrontab(text, name, "") })
		}
	}
	c.table("etc/anacrontab", parseAnacrontab)
}

// folders lists the scripts that are run hourly, daily, weekly and monthly; one that is not executable is not run.
//
// Source: run-parts(8).
func (c *crontabs) folders() {
	for _, period := range []string{"hourly", "daily", "weekly", "monthly"} {
		folder := "etc/cron." + period
		for _, e := range c.entriesOf(folder) {
			file := folder + "/" + e.Name()
			info, err := fs.Stat(c.h.FS(), file)
			if err != nil || info.IsDir() || leftover(e.Name()) {
				continue
			}
			c.rows = append(c.rows, &inventoryv1.ScheduledTask{
				Name: fact(e.Name()), Type: fact("cron"), Schedule: fact("@" + period), Command: fact("/" + file), User: fact("root"),
				Source: fact("/" + file), Enabled: proto.Bool(info.Mode()&0o111 != 0),
			})
		}
	}
}

// peoplesTables reads the tables of single accounts: Debian's, those of Fedora, of SUSE, and of busybox.
func (c *crontabs) peoplesTables() {
	for _, folder := range []string{"var/spool/cron/crontabs", "var/spool/cron", "var/spool/cron/tabs", "etc/crontabs"} {
		if _, err := fs.ReadLink(c.h.FS(), folder); err == nil {
			continue // Alpine: the same folder once more
		}
		for _, e := range c.entriesOf(folder) {
			if user := e.Name(); e.Type().IsRegular() && !leftover(user) && user != "cron.update" {
				c.table(folder+"/"+user, func(text string) []*inventoryv1.ScheduledTask { return parseCrontab(text, user, user) })
			}
		}
	}
}

// atName is how at names a job: queue, number and minute, in hex.
var atName = regexp.MustCompile(`^[a-zA-Z=]([0-9a-f]{5})([0-9a-f]{8})$`)

// atJobs lists what waits to be run once. The files hold the environment of whoever asked for it, so nobody opens them.
//
// Source: at's atd.c.
func (c *crontabs) atJobs() {
	for _, folder := range []string{"var/spool/cron/atjobs", "var/spool/at", "var/spool/atjobs"} {
		for _, e := range c.entriesOf(folder) {
			m := atName.FindStringSubmatch(e.Name())
			if m == nil || !e.Type().IsRegular() {
				continue
			}
			job, _ := strconv.ParseInt(m[1], 16, 64) // atName lets nothing else through
			minute, _ := strconv.ParseInt(m[2], 16, 64)
			c.rows = append(c.rows, &inventoryv1.ScheduledTask{
				Name: fact("at " + strconv.FormatInt(job, 10)), Type: fact("at"), Schedule: datetime(time.Unix(minute*60, 0).UTC()),
				Source: fact("/" + folder + "/" + e.Name()), Enabled: proto.Bool(true),
			})
		}
	}
}

// variable is the assignment of a variable in a table.
var variable = regexp.MustCompile(`^("[^"]*"|'[^']*'|[\w]+)\s*=`)

// parseCrontab reads a table. Lines name the account after the time unless the table belongs to one.
func parseCrontab(text, name, owner string) []*inventoryv1.ScheduledTask {
	var rows []*inventoryv1.ScheduledTask
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || variable.MatchString(line) || len(rows) == maxCrontabLines {
			continue
		}
		line = strings.TrimPrefix(line, "-") // SUSE: not logged
		fields := 5
		if strings.HasPrefix(line, "@") {
			fields = 1
		}
		when, command := cutFields(line, fields)
		user := owner
		if owner == "" {
			user, command = cutFields(command, 1)
		}
		if command == "" || user == "" {
			continue
		}
		user, _, _ = strings.Cut(user, ":")
		rows = append(rows, &inventoryv1.ScheduledTask{
			Name: fact(name), Type: fact("cron"), Schedule: fact(when), Command: fact(shortCommand(command)), User: fact(user),
			Enabled: proto.Bool(true),
		})
	}
	return rows
}

// parseAnacrontab reads lines of period, delay, name and command.
func parseAnacrontab(text string) []*inventoryv1.ScheduledTask {
	var rows []*inventoryv1.ScheduledTask
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || variable.MatchString(line) || len(rows) == maxCrontabLines {
			continue
		}
		when, rest := cutFields(line, 2)
		name, command := cutFields(rest, 1)
		if command == "" {
			continue
		}
		rows = append(rows, &inventoryv1.ScheduledTask{
			Name: fact(name), Type: fact("anacron"), Schedule: fact(when), Command: fact(shortCommand(command)), User: fact("root"),
			Enabled: proto.Bool(true),
		})
	}
	return rows
}

// cutFields splits a line after n fields, which it returns with one blank between them.
func cutFields(line string, n int) (head, tail string) {
	var fields []string
	for range n {
		line = strings.TrimLeft(line, " \t")
		i := strings.IndexAny(line, " \t")
		if i < 0 {
			return strings.Join(append(fields, line), " "), ""
		}
		fields = append(fields, line[:i])
		line = line[i:]
	}
	return strings.Join(fields, " "), strings.TrimSpace(line)
}

// shortCommand masks what looks like a secret and bounds the length.
func shortCommand(command string) string {
	command = maskSecrets(command)
	return command[:min(len(command), maxTaskCommand)]
}
