// SPDX-License-Identifier: Apache-2.0

package main

// compliance says whether the fleet is as it should be, and where it is not.
func compliance() dashboard {
	const (
		chosen  = `severity=~"$severity"`
		scope   = "Of the machines that are judged and not waived, those that pass; an unknown one does not pass."
		covered = "Of the machines that a check is for, those that have a result: all but the pending ones. A passing share is worth as much as this says."
	)
	of := func(status string) string {
		return `sum by (check_id, check, severity) (rollcall:check_machines:max{` + chosen + `,status="` + status + `"})`
	}
	good, bad := above(.8, .95), []step{{"text", nil}, {"orange", new(1.0)}}
	return newDashboard("rollcall-compliance", "Rollcall / Compliance",
		"How the fleet stands with its checks. "+scope+" A machine passes when all checks for it do.",
		[]options{anyOf("severity", "Severity", "label_values(rollcall:check_scope:sum, severity)")},
		row{"Overall", []panel{
			stat("Machines that pass", scope, share, `avg(rollcall:machines_passing:ratio)`, 4, good),
			stat("Machines with a result", "Of all machines, those that at least one check has judged.", share, `avg(rollcall:machines_evaluated:ratio)`, 4, above(.8, .95)),
			stat("Failing machines", "Machines with a check that fails and is not waived.", count, `sum(rollcall:compliance_machines:max{status="FAILED"})`, 4, below(1, 50)),
			stat("Checks", "Checks of the chosen severities.", count, `count(rollcall:check_scope:sum{`+chosen+`})`, 4),
			stat("Newly failing", "Machines and checks that fail and did not 24 hours before, by check and without those that got better.", count,
				`sum(clamp_min(rollcall:check_failing:delta1d{`+chosen+`}, 0))`, 4, below(1, 10)),
			stat("Waived", "Failures that somebody accepted for a time, by machine and check.", count, `sum(rollcall:check_machines:max{`+chosen+`,status="WAIVED"})`, 4),
			lines("Passing share", scope+" All machines, and by severity of the check.", share, 12, []series{
				{"machines", `avg(rollcall:machines_passing:ratio)`}, {"checks: {{severity}}", `avg by (severity) (rollcall:severity_passing:ratio{` + chosen + `})`},
			}, above(.8, .95)),
			lines("Evaluated share", covered, share, 12, []series{
				{"machines", `avg(rollcall:machines_evaluated:ratio)`}, {"checks: {{severity}}", `avg by (severity) (rollcall:severity_evaluated:ratio{` + chosen + `})`},
			}, above(.8, .95)),
		}},
		row{"Checks", []panel{
			table("Checks, worst first", "Machines in the scope of each check by status, and the shares. GET /api/v1/checks/ID/statuses names the machines.", 24, tall,
				[]series{{"ID", "check_id"}, {"Check", "check"}, {"Severity", "severity"}},
				[]column{
					{"Failing", count, of("FAILED"), []step{{"green", nil}, {"red", new(1.0)}}},
					{"Unknown", count, of("UNKNOWN"), bad},
					{"Waived", count, of("WAIVED"), nil},
					{"Pending", count, of("PENDING"), bad},
					{"Passing", count, of("OK"), nil},
					{"Passing share", share, `avg by (check_id, check, severity) (rollcall:check_passing:ratio{` + chosen + `})`, []step{{"red", nil}, {"orange", new(.8)}, {"green", new(.95)}}},
					{"Evaluated share", share, `avg by (check_id, check, severity) (rollcall:check_evaluated:ratio{` + chosen + `})`, []step{{"red", nil}, {"orange", new(.8)}, {"green", new(.95)}}},
				}, "Failing"),
			table("Newly failing, against 24 hours before", "How many more machines fail than a day before; less than 0 where it got better. 0 for a check that did not exist then.", 12, tall,
				[]series{{"ID", "check_id"}, {"Check", "check"}, {"Severity", "severity"}},
				[]column{
					{"More failing", count, `topk(50, sum by (check_id, check, severity) (rollcall:check_failing:delta1d{` + chosen + `}))`, []step{{"green", nil}, {"text", new(0.0)}, {"red", new(1.0)}}},
				}, "More failing"),
			lines("Failures by severity", "Failures by machine and check that are not waived.", count, 12,
				[]series{{"{{severity}}", `sum by (severity) (rollcall:check_machines:max{` + chosen + `,status="FAILED"})`}}, stacked, taller),
		}},
		row{"Parts of the fleet", []panel{
			bars("Passing share by platform", scope, share, 8, "{{platform}}", `sort(avg by (platform) (rollcall:platform_passing:ratio))`, good),
			lines("Passing share by platform over time", scope, share, 8, []series{{"{{platform}}", `avg by (platform) (rollcall:platform_passing:ratio)`}}),
			bars("Evaluated share by platform", "Of all machines of a platform, those that at least one check has judged.", share, 8, "{{platform}}", `sort(avg by (platform) (rollcall:platform_evaluated:ratio))`, good),
			bars("Passing share by tag, worst first", scope+" The 20 worst tags.", share, 8, "{{tag}}", `bottomk(20, avg by (tag) (rollcall:tag_passing:ratio))`, good, taller),
			lines("Failing machines by tag", "Machines with a check that fails and is not waived: the 10 tags with most of them.", count, 8,
				[]series{{"{{tag}}", `topk(10, sum by (tag) (rollcall:tag_machines:max{status="FAILED"}))`}}, taller),
			lines("Machines by overall status", "NONE: no check has judged the machine.", count, 8,
				[]series{{"{{status}}", `sum by (status) (rollcall:compliance_machines:max)`}}, stacked, taller),
		}},
	)
}
