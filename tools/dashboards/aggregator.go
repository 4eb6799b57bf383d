// SPDX-License-Identifier: Apache-2.0

package main

// here stands for the aggregators that the viewer chose, in a selector.
const here = `instance=~"$instance"`

// aggregator says how the program does.
func aggregator() dashboard {
	return newDashboard("rollcall-aggregator", "Rollcall / Aggregator",
		"How the aggregators and their database do. What is of the database is told by all of them and shown once.",
		[]options{anyOf("instance", "Aggregator", "label_values(rollcall_build_info, instance)")},
		overview(), agents(), requests(), database(), fleetIndex(), work(), deliveries(), process(),
	)
}

func overview() row {
	return row{"Overview", []panel{
		stat("Aggregators", "Chosen aggregators that answered the last scrape.", count, `count(rollcall_build_info{`+here+`})`, 3),
		stat("Database", "Chosen aggregators that could read the database, as a share.", share, `avg(rollcall_database_up{`+here+`})`, 3, above(.5, 1)),
		stat("Check-ins a second", "Check-ins of agents a second.", perSec, `sum(rate(rollcall_check_ins_total{`+here+`}[$__rate_interval]))`, 3),
		stat("Errors", "HTTP requests that ended in an error of the server, as a share.", share, `max(rollcall:http_errors:ratio_rate5m)`, 3, below(.001, .01)),
		stat("Oldest index", "Since when the fleet index of an aggregator knows nothing new; a fraction of a second while all is well.", seconds, `max(rollcall_index_age_seconds{`+here+`})`, 3, below(10, 60)),
		stat("Weeks of room", "Weeks after this one for which the change log has room. With none nothing is taken in.", busy, `min(rollcall_partitions_ahead{`+here+`})`, 3, above(2, 4)),
		stat("Slowest sink", "How far the slowest sink of events is behind; 0 without a sink.", seconds, `max(rollcall_sink_lag_seconds{`+here+`}) or vector(0)`, 3, below(60, 600)),
		stat("Dead letters", "Events that a receiver did not take, all sinks together.", count, `sum(max by (sink) (rollcall_sink_dead_letters{`+here+`})) or vector(0)`, 3, below(1, 100)),
	}}
}

func agents() row {
	return row{"Agents", []panel{
		lines("Check-ins", "Check-ins a second: current, where nothing changed, and push, where the agent is asked for more.", perSec, 8,
			[]series{{"{{outcome}}", `sum by (outcome) (rate(rollcall_check_ins_total{` + here + `}[$__rate_interval]))`}}, stacked),
		lines("Pushes", "What agents send of changed machines, a second, by call and outcome.", perSec, 8,
			[]series{{"{{call}} {{outcome}}", `sum by (call, outcome) (rate(rollcall_pushes_total{` + here + `}[$__rate_interval]))`}}, stacked),
		lines("Time of calls", "99 of 100 calls of the sync protocol take less, by method.", seconds, 8,
			[]series{{"{{method}}", `histogram_quantile(0.99, sum by (method, le) (rate(rollcall_sync_call_duration_seconds_bucket{` + here + `}[$__rate_interval])))`}}, below(.5, 2.5)),
		lines("Calls by code", "Calls of the sync protocol a second, by how they ended.", perSec, 8,
			[]series{{"{{code}}", `sum by (code) (rate(rollcall_sync_calls_total{` + here + `}[$__rate_interval]))`}}, stacked),
		lines("Calls that wait or come later", "Calls that wait for their turn now, by gate, and those a second that were asked to come again later.", count, 8, []series{
			{"waiting: {{gate}}", `sum by (gate) (rollcall_sync_calls_queued{` + here + `}) > 0 or on () sum(rollcall_sync_calls_queued{` + here + `})`},
			{"refused a second", `sum(rate(rollcall_sync_refusals_total{` + here + `}[$__rate_interval])) or vector(0)`},
		}),
		lines("Memory of calls under way", "What calls hold, and the most they may hold: then others wait.", size, 8, []series{
			{"held at {{instance}}", `rollcall_sync_room_bytes{` + here + `}`}, {"limit", `max(rollcall_sync_room_limit_bytes{` + here + `})`},
		}),
		lines("Connections", "Open connections, by listener.", count, 12,
			[]series{{"{{listener}}", `sum by (listener) (rollcall_connections_open{` + here + `})`}}, stacked),
		lines("Bytes", "Bytes a second as on the wire, by listener.", rate, 12, []series{
			{"received: {{listener}}", `sum by (listener) (rate(rollcall_connection_received_bytes_total{` + here + `}[$__rate_interval]))`},
			{"sent: {{listener}}", `sum by (listener) (rate(rollcall_connection_sent_bytes_total{` + here + `}[$__rate_interval]))`},
		}),
	}}
}

func requests() row {
	return row{"HTTP", []panel{
		lines("Requests", "HTTP requests a second, by status.", perSec, 8,
			[]series{{"{{code}}", `sum by (code) (rate(rollcall_http_requests_total{` + here + `}[$__rate_interval]))`}}, stacked),
		lines("Slowest routes", "99 of 100 requests take less: the 10 slowest routes.", seconds, 8,
			[]series{{"{{route}}", `topk(10, histogram_quantile(0.99, sum by (route, le) (rate(rollcall_http_request_duration_seconds_bucket{` + here + `}[$__rate_interval]))) >= 0)`}}),
		lines("Answers", "Bytes of HTTP answers a second: the 10 routes with most.", rate, 8,
			[]series{{"{{route}}", `topk(10, sum by (route) (rate(rollcall_http_response_bytes_total{` + here + `}[$__rate_interval])))`}}, stacked),
	}}
}

func database() row {
	return row{"Database", []panel{
		lines("Connections to PostgreSQL", "Connections that somebody works with, that are open, and that may be open.", count, 8, []series{
			{"in use", `sum(rollcall_database_connections_in_use{` + here + `})`},
			{"open", `sum(rollcall_database_connections_open{` + here + `})`},
			{"limit", `sum(rollcall_database_connections_max{` + here + `})`},
		}),
		lines("Waiting for connections", "Seconds that all who wait for a connection wait together, each second.", seconds, 8,
			[]series{{"{{instance}}", `rate(rollcall_database_connection_wait_seconds_total{` + here + `}[$__rate_interval])`}}, below(.5, 2)),
		lines("Oldest transaction", "Those of Rollcall last 30 seconds at the most; a longer one is somebody else's.", seconds, 8,
			[]series{{"oldest", `max(rollcall_database_oldest_transaction_seconds{` + here + `})`}}, below(60, 900)),
		lines("Size", "Size of the database on disk, and of its parts that grow with time.", size, 8,
			[]series{{"{{part}}", `max by (part) (rollcall_database_size_bytes{` + here + `})`}}),
		lines("Facts and snapshots", "Facts that are kept once for the whole fleet, and snapshots: one for each machine and source.", count, 8, []series{
			{"facts", `max(rollcall_assets{` + here + `})`}, {"snapshots", `max(rollcall_snapshots{` + here + `})`},
		}),
		lines("Replica", "How far the replica is behind; 0 also where there is none.", seconds, 8,
			[]series{{"behind", `max(rollcall_replica_lag_seconds{` + here + `}) or vector(0)`}}, below(60, 300)),
	}}
}

func fleetIndex() row {
	return row{"Fleet index", []panel{
		lines("Age", "Since when the index knows nothing new.", seconds, 6,
			[]series{{"{{instance}}", `rollcall_index_age_seconds{` + here + `}`}}, below(10, 60)),
		lines("Being built", "How much of the index is built. Below 100 % questions about the fleet are slow or have to wait.", share, 6,
			[]series{{"{{instance}}", `rollcall_index_building_progress{` + here + `}`}}),
		lines("Memory of the index", "As estimated.", size, 6, []series{{"{{instance}}", `rollcall_index_bytes{` + here + `}`}}),
		lines("Comparisons", "Machines that are compared with the database, a second, and those that differed, in all: anything but 0 is a fault of the program.", count, 6, []series{
			{"compared", `sum(rate(rollcall_index_checked_machines_total{` + here + `}[$__rate_interval]))`},
			{"differed in all", `sum(rollcall_index_mismatches_total{` + here + `})`},
		}),
	}}
}

func work() row {
	return row{"Tasks and evaluations", []panel{
		lines("Runs", "Runs of tasks in the hour before, by task and outcome.", count, 8,
			[]series{{"{{task}} {{outcome}}", `sum by (task, outcome) (increase(rollcall_task_runs_total{` + here + `}[1h]))`}}),
		lines("Since the last success", "Hourly tasks are overdue after three hours.", ago, 8,
			[]series{{"{{task}}", `time() - max by (task) (rollcall_task_last_success_timestamp_seconds{` + here + `})`}}),
		lines("Queue", "Tasks that run now, and how long the first of those that were asked for has been waiting.", busy, 8, []series{
			{"running", `sum(rollcall_tasks_running{` + here + `})`},
			{"waiting", `max(rollcall_tasks_waiting{` + here + `})`},
			{"waiting for (seconds)", `max(rollcall_task_oldest_waiting_seconds{` + here + `})`},
		}),
		lines("Checks to evaluate", "Checks that changed and are not yet evaluated on the whole fleet.", count, 12,
			[]series{{"checks", `max(rollcall_evaluation_pending_checks{` + here + `})`}}),
		lines("Evaluations", "Machines a second that are judged in evaluations of the fleet, by outcome. budget: the expression took too many steps.", perSec, 12,
			[]series{{"{{outcome}}", `sum by (outcome) (rate(rollcall_evaluation_machines_total{` + here + `}[$__rate_interval]))`}}, stacked),
	}}
}

func deliveries() row {
	return row{"Events", []panel{
		lines("Sinks behind", "Age of the oldest change that a sink has not dealt with; 0 without a sink.", seconds, 6,
			[]series{{"{{sink}}", `max by (sink) (rollcall_sink_lag_seconds{` + here + `}) or on () vector(0)`}}, below(60, 600)),
		lines("Deliveries", "Attempts to deliver an event, a second, by sink and outcome.", perSec, 6,
			[]series{{"{{sink}} {{outcome}}", `sum by (sink, outcome) (rate(rollcall_sink_deliveries_total{` + here + `}[$__rate_interval])) or on () vector(0)`}}, stacked),
		lines("Time of deliveries", "99 of 100 attempts take less, by sink.", seconds, 6,
			[]series{{"{{sink}}", `histogram_quantile(0.99, sum by (sink, le) (rate(rollcall_sink_attempt_duration_seconds_bucket{` + here + `}[$__rate_interval]))) or on () vector(0)`}}),
		lines("Dead letters by sink", "Events that the receiver did not take. They are kept for 30 days, to be replayed or deleted.", count, 6,
			[]series{{"{{sink}}", `max by (sink) (rollcall_sink_dead_letters{` + here + `}) or on () vector(0)`}}, below(1, 100)),
	}}
}

func process() row {
	return row{"Process", []panel{
		lines("Memory", "Resident memory, and what the Go program uses on its heap.", size, 8, []series{
			{"resident {{instance}}", `process_resident_memory_bytes{` + here + `}`}, {"heap {{instance}}", `go_memstats_heap_inuse_bytes{` + here + `}`},
		}),
		lines("CPU", "Cores that are busy.", busy, 8, []series{{"{{instance}}", `rate(process_cpu_seconds_total{` + here + `}[$__rate_interval])`}}),
		lines("Goroutines and files", "Goroutines, and open files and sockets.", count, 8, []series{
			{"goroutines {{instance}}", `go_goroutines{` + here + `}`}, {"files {{instance}}", `process_open_fds{` + here + `}`},
		}),
	}}
}
