// SPDX-License-Identifier: Apache-2.0

package main

// fleet says which machines there are, what is on them, and what changes.
func fleet() dashboard {
	const (
		active   = `rollcall:active_machines:max{source_name=~"$source"}`
		ages     = `rollcall:source_machines:sum{source_name=~"$source"}`
		day      = `sum(rollcall:source_machines:sum{source_name=~"$source",seen_within="1d"})`
		week     = `sum(rollcall:source_machines:sum{source_name=~"$source",seen_within="7d"})`
		month    = `sum(rollcall:source_machines:sum{source_name=~"$source",seen_within="30d"})`
		ever     = `sum(rollcall:source_machines:sum{source_name=~"$source",seen_within="all"})`
		seen     = `rollcall:active_machines:max{source_name=~"$source",seen_within="$seen"}`
		software = `rollcall:software_machines:max{source_name=~"$source",seen_within="$seen"}`
	)
	return newDashboard("rollcall-fleet", "Rollcall / Fleet",
		"Machines, what they run, what is installed on them and how much changes. A machine that several sources report counts once for each source where a panel lets you choose sources.",
		[]options{
			anyOf("source", "Source", "label_values(rollcall:active_machines:max, source_name)"),
			oneOf("seen", "Seen within", "30d", "1d", "7d", "14d", "30d", "45d", "90d", "all"),
			anyOf("software", "Software", "label_values(rollcall:software_machines:max, name)"),
		},
		row{"Machines", []panel{
			stat("Known machines", "Machines that are not archived, whichever source reports them, each once.", count, `sum(rollcall:machines:max)`, 4),
			stat("Seen within a day", "Of the machines that the chosen sources ever reported, those that they reported within a day.", share, day+" / "+ever, 4, above(.7, .9)),
			stat("Seen within 7 days", "Of the machines that the chosen sources ever reported, those that they reported within 7 days. An alert fires below 90 % of a source.", share, week+" / "+ever, 4, above(.9, .95)),
			stat("Not seen for 30 days", "Machines to archive, or to look for.", count, ever+" - "+month, 4, below(1, 50)),
			stat("Archived", "Snapshots of machines that were archived.", count, `max(rollcall_archived_snapshots)`, 4),
			stat("Tags in use", "Tags that at least one machine carries.", count, `count(rollcall:tagged_machines:max > 0)`, 4),
			lines("Machines by platform", "Machines that were seen within the chosen time, by platform.", count, 12,
				[]series{{"{{platform}}", `sum by (platform) (` + seen + `)`}}, stacked),
			lines("Machines by when they were seen", "How many were seen within 1 day, 7 days … A gap that opens between the lines is machines that stopped reporting.", count, 12,
				[]series{{"{{seen_within}}", `sum by (seen_within) (` + ages + `)`}}),
			bars("Operating systems", "The 20 most frequent operating systems of known machines.", count, 12, "{{platform}} {{os_version}}",
				`topk(20, sum by (platform, os_version) (rollcall:machines:max))`, taller),
			bars("Types", "Machines that were seen within the chosen time, by type.", count, 6, "{{machine_type}}",
				`sort_desc(sum by (machine_type) (`+seen+`))`, taller),
			bars("Sources", "Machines that were seen within the chosen time, by source.", count, 6, "{{source_name}}",
				`sort_desc(sum by (source_name) (rollcall:active_machines:max{seen_within="$seen",source_name=~"$source"}))`, taller),
		}},
		row{"Software (what metrics_options names)", []panel{
			table("Versions", "Machines by version of the configured packages and apps, seen within the chosen time: the 100 most frequent. Of macOS apps and programs every copy counts.", 12, tall,
				[]series{{"Kind", "family"}, {"Name", "name"}, {"Version", "version"}},
				[]column{{"Machines", count, `topk(100, sum by (family, name, version) (` + software + `) > 0)`, nil}}, "Machines"),
			lines("Versions over time", "How the chosen software is renewed: machines by version, the 20 most frequent.", count, 12,
				[]series{{"{{name}} {{version}}", `topk(20, sum by (name, version) (rollcall:software_machines:max{name=~"$software",source_name=~"$source",seen_within="$seen"}) > 0)`}}, stacked, taller),
			table("Operating system builds", "Machines by version and build of the operating system, seen within the chosen time.", 24, high,
				[]series{{"Name", "name"}, {"Version", "version"}, {"Build", "build"}, {"Platform", "platform"}},
				[]column{{"Machines", count, `topk(100, sum by (name, version, build, platform) (rollcall:os_machines:max{source_name=~"$source",seen_within="$seen"}) > 0)`, nil}}, "Machines"),
		}},
		row{"Tags, enrolments and changes", []panel{
			bars("Tags", "The 25 most used tags, by taxonomy (_ where there is none). Machines that are archived or never reported count, too.", count, 8,
				"{{taxonomy}}: {{tag}}", `topk(25, sum by (taxonomy, tag) (rollcall:tagged_machines:max))`),
			lines("Enrolments", "Credentials that were issued to machines, and times that one was used by two machines, in the hour before.", count, 8,
				[]series{{"enrolled", `sum(increase(rollcall_machine_enrollments_total[1h]))`}, {"conflicts", `sum(increase(rollcall_machine_conflicts_total[1h]))`}}),
			lines("Changes", "Changed machines a second: of agents, and submitted trees. What did not change is not in here.", perSec, 8,
				[]series{
					{"agents", `sum(rollcall:pushes:rate5m{outcome="committed"}) or vector(0)`},
					{"submitted", `sum(rollcall:http_requests:rate5m{route="/api/v1/snapshots",code=~"2.."}) or vector(0)`},
				}, stacked),
		}},
	)
}
