// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	if !onWindows {
		return
	}
	register(Collector{Name: "scheduled_tasks", On: []string{"windows"}, Essential: true, CollectFiles: collectWindowsTasks})
}

const (
	// taskFolder is where the Task Scheduler keeps its definitions, below the folder of Windows.
	taskFolder    = "System32/Tasks"
	maxTaskFile   = 512 << 10
	maxTasks      = 10_000
	maxTaskDepth  = 16
	maxTaskEvents = 32
)

// collectWindowsTasks lists the tasks of the Task Scheduler. Only the administrator may read their definitions.
//
// Source: [MS-TSCH] 2.3, the XML schema of tasks.
func collectWindowsTasks(_ context.Context, h host.Host, files *memo, snap *inventoryv1.Snapshot) error {
	r, err := registryOf(h)
	if err != nil {
		return err
	}
	version, err := r.values(keyCurrentVersion)
	if err != nil {
		return err
	}
	windows := version.text("SystemRoot")
	root, ok := treePath(r, windows)
	if !ok {
		return ErrAbsent
	}
	w := taskWalk{h: h, files: files, windows: windows}
	w.folder(path.Join(root, taskFolder), `\`, 0)
	snap.ScheduledTasks = w.rows
	if len(w.broken) > 0 {
		return partly(append(w.broken, w.refused.err())...)
	}
	return w.refused.err()
}

// taskWalk goes through the folders of tasks.
type taskWalk struct {
	h       host.Host
	files   *memo
	windows string
	rows    []*inventoryv1.ScheduledTask
	refused gap
	broken  []error
}

// folder reads one folder and those in it; name is how the Task Scheduler calls it.
func (w *taskWalk) folder(dir, name string, depth int) {
	entries, err := fs.ReadDir(w.h.FS(), dir)
	if err := w.refused.allow(dir, err); err != nil {
		w.broken = append(w.broken, err)
	}
	for _, e := range entries {
		at := dir + "/" + e.Name()
		switch {
		case e.IsDir() && depth < maxTaskDepth:
			w.folder(at, name+e.Name()+`\`, depth+1)
		case e.Type().IsRegular() && len(w.rows) < maxTasks:
			w.task(at, name+e.Name())
		}
	}
}

// task reads one definition.
func (w *taskWalk) task(file, name string) {
	row, err := remember(w.files, w.h, file, func() (*inventoryv1.ScheduledTask, error) {
		raw, err := host.ReadFile(w.h.FS(), file, maxTaskFile)
		if err != nil {
			return nil, err
		}
		row, err := parseTask(raw)
		if err != nil {
			return nil, fmt.Errorf("task %s: %w", name, err)
		}
		row.Name, row.Source = fact(name), fact(w.windows+`\System32\Tasks`+name)
		return row, nil
	})
	if err := w.refused.allow(file, err); err != nil {
		w.broken = append(w.broken, err)
	}
	if row != nil {
		w.rows = append(w.rows, row)
	}
}

// taskFile is what is read of a definition.
type taskFile struct {
	XMLName     xml.Name `xml:"Task"`
	Description string   `xml:"RegistrationInfo>Description"`
	Triggers    struct {
		All []taskTrigger `xml:",any"`
	} `xml:"Triggers"`
	Principals []struct {
		User  string `xml:"UserId"`
		Group string `xml:"GroupId"`
	} `xml:"Principals>Principal"`
	Enabled string `xml:"Settings>Enabled"`
	Actions struct {
		All []struct {
			XMLName   xml.Name
			Command   string `xml:"Command"`
			Arguments string `xml:"Arguments"`
			ClassID   string `xml:"ClassId"`
		} `xml:",any"`
	} `xml:"Actions"`
}

// taskTrigger is one reason to start a task.
type taskTrigger struct {
	XMLName  xml.Name
	Begin    string      `xml:"StartBoundary"`
	Every    string      `xml:"Repetition>Interval"`
	Enabled  string      `xml:"Enabled"`
	Delay    string      `xml:"Delay"`
	ByDay    *taskCycle  `xml:"ScheduleByDay"`
	ByWeek   *taskCycle  `xml:"ScheduleByWeek"`
	ByMonth  *taskMonths `xml:"ScheduleByMonth"`
	ByMonth2 *taskMonths `xml:"ScheduleByMonthDayOfWeek"`
}

// taskCycle is a number of days or weeks, and days of the week.
type taskCycle struct {
	Days  string   `xml:"DaysInterval"`
	Weeks string   `xml:"WeeksInterval"`
	On    taskDays `xml:"DaysOfWeek"`
}

// taskMonths are days of months.
type taskMonths struct {
	Days  []string `xml:"DaysOfMonth>Day"`
	Weeks []string `xml:"Weeks>Week"`
	On    taskDays `xml:"DaysOfWeek"`
}

// taskDays are empty elements that are called like days.
type taskDays struct {
	All []struct{ XMLName xml.Name } `xml:",any"`
}

// parseTask reads a definition.
func parseTask(raw []byte) (*inventoryv1.ScheduledTask, error) {
	var t taskFile
	d := xml.NewDecoder(strings.NewReader(windowsText(raw)))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // it is UTF-8 by now
	if err := d.Decode(&t); err != nil {
		return nil, errors.New("not the XML of a task")
	}
	row := &inventoryv1.ScheduledTask{
		Type: proto.String("windows"), Description: fact(shown(strings.TrimSpace(t.Description))),
		Enabled: proto.Bool(strings.TrimSpace(t.Enabled) != "false"), Schedule: fact(t.schedule()), Command: fact(t.command()),
	}
	if len(t.Principals) > 0 {
		row.User = fact(strings.TrimSpace(t.Principals[0].User))
		if row.User == nil {
			row.User = fact(strings.TrimSpace(t.Principals[0].Group))
		}
	}
	return row, nil
}

// command joins what the task starts; a COM object is named by its class.
func (t *taskFile) command() string {
	var commands []string
	for _, a := range t.Actions.All[:min(len(t.Actions.All), maxTaskEvents)] {
		switch {
		case strings.TrimSpace(a.Command) != "":
			command := strings.TrimSpace(strings.TrimSpace(a.Command) + " " + strings.TrimSpace(a.Arguments))
			commands = append(commands, maskSecrets(command))
		case strings.TrimSpace(a.ClassID) != "":
			commands = append(commands, strings.TrimSpace(a.ClassID))
		}
	}
	return strings.Join(commands, "; ")
}

// schedule joins the triggers. Days on which a trigger begins and ends are left out: the system sets those of its own
// tasks anew all the time.
func (t *taskFile) schedule() string {
	var all []string
	for _, trigger := range t.Triggers.All[:min(len(t.Triggers.All), maxTaskEvents)] {
		if strings.TrimSpace(trigger.Enabled) != "false" {
			all = append(all, trigger.String())
		}
	}
	return strings.Join(all, "; ")
}

// String spells a trigger with the words of the schema: CalendarTrigger every 1 days at 03:00:00.
func (t taskTrigger) String() string {
	words := []string{t.XMLName.Local}
	switch {
	case t.ByDay != nil:
		words = append(words, "every", t.ByDay.Days, "days")
	case t.ByWeek != nil:
		words = append(words, "every", t.ByWeek.Weeks, "weeks")
		words = append(words, t.ByWeek.On.names()...)
	case t.ByMonth != nil:
		words = append(append(words, "monthly"), t.ByMonth.Days...)
	case t.ByMonth2 != nil:
		words = append(append(words, "monthly"), t.ByMonth2.Weeks...)
		words = append(words, t.ByMonth2.On.names()...)
	}
	if _, clock, ok := strings.Cut(t.Begin, "T"); ok && t.XMLName.Local == "CalendarTrigger" {
		words = append(words, "at", clock[:min(len(clock), len("00:00:00"))])
	}
	if t.Every != "" {
		words = append(words, "repeat", t.Every)
	}
	if t.Delay != "" {
		words = append(words, "delay", t.Delay)
	}
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}

// names are the days.
func (d taskDays) names() []string {
	var names []string
	for _, day := range d.All[:min(len(d.All), 7)] {
		names = append(names, day.XMLName.Local)
	}
	return names
}

// windowsText is a text file of Windows, in UTF-16 with a byte order mark or in UTF-8, as UTF-8.
func windowsText(raw []byte) string {
	if bytes.HasPrefix(raw, []byte{0xff, 0xfe}) {
		return host.DecodeUTF16(raw[2:])
	}
	return string(bytes.TrimPrefix(raw, []byte("\ufeff")))
}
