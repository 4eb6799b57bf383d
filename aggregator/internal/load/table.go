// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Table writes the report for people.
func (r *Report) Table(out io.Writer) {
	fmt.Fprintf(out, "%s: %d machines, seed %d, %s, %.1f s\n\n", r.Verb, r.Machines, r.Seed, r.Transport, r.DurationSeconds)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tcount\tper second\tp50 ms\tp90\tp99\tp99.9\tmax\terrors\t")
	for _, s := range append(slices.Clone(r.Operations), r.Calls...) {
		fmt.Fprintf(t, "%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%s\t\n",
			s.Name, s.Count, s.PerSecond, s.P50, s.P90, s.P99, s.P999, s.Max, errorText(s.Errors))
	}
	_ = t.Flush() // as with everything written for people
	fmt.Fprintln(out)
	t = tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tprocesses\tCPU s\tcores\tms per operation\tRSS MB\tpeak MB\t")
	for _, u := range r.Usage {
		fmt.Fprintf(t, "%s\t%d\t%.2f\t%.3f\t%.3f\t%.1f\t%.1f\t\n",
			u.Who, u.Processes, u.CPUSeconds, u.Cores, u.CPUMilliseconds, megabytes(u.RSSBytes), megabytes(u.PeakRSSBytes))
	}
	_ = t.Flush()
	r.remarks(out)
}

// remarks are the lines behind the tables.
func (r *Report) remarks(out io.Writer) {
	operations := float64(max(r.operations(), 1))
	fmt.Fprintf(out, "\non the sockets: %.2f MB up, %.2f MB down, %.0f and %.0f bytes per operation; %d connections opened, %d open\n",
		megabytes(r.BytesUp), megabytes(r.BytesDown), float64(r.BytesUp)/operations, float64(r.BytesDown)/operations, r.Dials, r.Connections)
	fmt.Fprintf(out, "last machine done after %s; turns skipped %d, gave up %d; conflicts %d (and %d expected), resynchronisations %d (and %d expected)\n",
		time.Duration(r.LastDoneSeconds*float64(time.Second)).Round(10*time.Millisecond), r.Skipped, r.GaveUp,
		r.Conflicts, r.ExpectedConflicts, r.Resyncs, r.ExpectedResyncs)
	for _, name := range slices.Sorted(maps.Keys(r.Database)) {
		m := r.Database[name]
		fmt.Fprintf(out, "%s: %.0f, before %.0f\n", name, m.After, m.Before)
	}
	if v := r.Verification; v != nil {
		fmt.Fprintf(out, "current %d (%d ahead of the state file, %d with a copy), not current %d, unanswered %d\n",
			v.Current, v.Ahead, v.Contended, v.NotCurrent, v.Unanswered)
		listTo(out, v.List)
	}
	if c := r.Idle; c != nil {
		fmt.Fprintf(out, "%d idle connections: aggregator %.1f MB, with half of them %.1f MB, with all %.1f MB; %d bytes each, %.0f MB for 100,000\n",
			c.Connections, megabytes(c.RSSBefore), megabytes(c.RSSHalf), megabytes(c.RSSAfter), c.BytesPerConnection, megabytes(c.BytesFor100Thousand))
	}
	listTo(out, r.Failures)
}

func listTo(out io.Writer, lines []string) {
	for _, line := range lines {
		fmt.Fprintf(out, "  %s\n", line)
	}
}

// errorText is `-`, or what went wrong how often.
func errorText(errors map[string]int64) string {
	if len(errors) == 0 {
		return "-"
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(errors)) {
		parts = append(parts, fmt.Sprintf("%d %s", errors[name], name))
	}
	return strings.Join(parts, ", ")
}

func megabytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }
