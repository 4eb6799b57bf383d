// SPDX-License-Identifier: Apache-2.0

//go:build linux && e2e

package endtoend_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// metricsSecret is the bearer token of the metrics.
const metricsSecret = "what-prometheus-shows-to-the-aggregator"

// watchedFleet is an aggregator with machines, checks, tags and a sink, and a Prometheus that looks at it as the example
// says.
type watchedFleet struct {
	*prometheus
	site    *site
	api     string // an admin's token
	agent   *endpoint
	checks  map[string]int64 // id, by name
	changes int
}

// TestE2EPrometheus lets Debian's Prometheus scrape an aggregator by the example's configuration, and compares: what it
// says of the fleet with what the API says, and every panel and rule with what they need.
func TestE2EPrometheus(t *testing.T) {
	t.Parallel()
	f := newWatchedFleet(t)
	t.Run("numbers are those of the API", f.compareWithTheAPI)
	t.Run("rules evaluate", f.checkRules)
	t.Run("every panel has data", f.checkPanels)
	t.Run("every metric is there", f.checkNames)
	t.Run("names and texts keep the conventions", f.checkConventions)
	t.Run("nothing critical", func(t *testing.T) {
		got, err := f.query(`ALERTS{severity="critical"}`)
		if err != nil || len(got) > 0 {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

// eventually repeats a comparison until it agrees: scrapes and rules come a second later.
func eventually(t *testing.T, what string, compare func() error) {
	t.Helper()
	var last error
	if err := wait(startLimit, func() (bool, error) { last = compare(); return last == nil, nil }); err != nil {
		t.Errorf("%s: %v", what, last)
	}
}

// agree compares numbers of Prometheus with those of the API, which are read anew each time.
func (f *watchedFleet) agree(t *testing.T, what, expr string, want func() map[string]int, labels ...string) {
	t.Helper()
	eventually(t, what, func() error {
		got, err := f.numbers(expr, labels...)
		if want := want(); err == nil && (!reflect.DeepEqual(got, want) || len(want) == 0) {
			return fmt.Errorf("%s: got %v, the API says %v", expr, got, want)
		}
		return err
	})
}

func (f *watchedFleet) compareWithTheAPI(t *testing.T) {
	f.agree(t, "machines by platform", `sum by (platform) (rollcall:machines:max)`, f.platforms, "platform")
	f.agree(t, "machines seen within a day by source", `sum by (source_name) (rollcall:source_machines:sum{seen_within="1d"})`, f.sources, "source_name")
	f.agree(t, "machines by check and status", `sum by (check, status) (rollcall:check_machines:max)`, f.statuses, "check", "status")
	f.agree(t, "machines that carry a tag", `sum by (tag) (rollcall:tagged_machines:max)`, f.tags, "tag")
	f.agree(t, "machines with a version of openssl", `sum by (version) (rollcall:software_machines:max{name="openssl",seen_within="all"})`, f.versions, "version")
	f.agree(t, "shares of a check", `round(100 * rollcall:check_passing:ratio{check="release"})`, func() map[string]int {
		got := f.statuses()
		ok, judged := got["release|OK"], got["release|OK"]+got["release|FAILED"]+got["release|UNKNOWN"]
		return map[string]int{"release": int(math.Round(100 * float64(ok) / float64(judged)))}
	}, "check")
	f.agree(t, "newly failing against the day before", `rollcall:check_failing:delta1d{check="release"}`, func() map[string]int {
		return map[string]int{"release": f.statuses()["release|FAILED"] - failedYesterday}
	}, "check")
	f.agree(t, "overall", `sum by (status) (rollcall:compliance_machines:max)`, func() map[string]int { return f.overall(t) }, "status")
}

// checkRules wants every rule evaluated, and a value of every recording rule.
func (f *watchedFleet) checkRules(t *testing.T) {
	eventually(t, "rules", func() error {
		rules, err := f.rules()
		if err != nil {
			return err
		}
		if len(rules) == 0 {
			return errors.New("none")
		}
		for _, r := range rules {
			if r.Health != "ok" || strings.HasPrefix(r.LastEvaluation, "0001") {
				return fmt.Errorf("%s: %s, %s", r.Name, r.Health, r.LastError)
			}
		}
		return nil
	})
	for name := range recorded(t) {
		eventually(t, name, func() error { return f.stirred(f.hasData(name)) })
	}
}

// hasData wants a number.
func (f *watchedFleet) hasData(expr string) error {
	series, err := f.query(expr)
	if err != nil {
		return err
	}
	for i := range series {
		if !math.IsNaN(series[i].number()) {
			return nil
		}
	}
	return fmt.Errorf("%d series, and no number", len(series))
}

// stirred lets something happen when a number is missing: rates need something to count.
func (f *watchedFleet) stirred(missing error) error {
	if missing != nil {
		f.agent.mustOnce()
		f.change()
	}
	return missing
}

// chosen is what a viewer of the dashboards chooses.
var chosen = strings.NewReplacer("$__rate_interval", "1m", "$seen", "30d", "$source", ".*", "$software", ".*", "$severity", ".*", "$instance", ".*")

// checkPanels asks every query of the dashboards.
func (f *watchedFleet) checkPanels(t *testing.T) {
	for name, b := range boards(t) {
		for _, v := range b.Templating.List {
			if of, ok := strings.CutPrefix(v.Definition, "label_values("); ok {
				metric, label, _ := strings.Cut(strings.TrimSuffix(of, ")"), ", ")
				eventually(t, name+": variable "+v.Name, func() error { return f.hasData(metric + "{" + label + `!=""}`) })
			}
		}
		for i := range b.Panels {
			for _, target := range b.Panels[i].Targets {
				expr := chosen.Replace(target.Expr)
				if strings.Contains(expr, "$") {
					t.Errorf("%s: %s: a variable is left in %s", name, b.Panels[i].Title, expr)
				}
				eventually(t, name+": "+b.Panels[i].Title+": "+expr, func() error { return f.stirred(f.hasData(expr)) })
			}
		}
	}
}

// seldom are the metrics that are there only once a call was refused or with a replica.
var seldom = map[string]bool{"rollcall_sync_refusals_total": true, "rollcall_replica_lag_seconds": true, "rollcall_replica_used": true}

var metricUse = regexp.MustCompile(`\b(?:rollcall|process|go)_\w+`)

// checkNames looks up every metric that rules and dashboards name: what they say where there is none would hide a wrong name.
func (f *watchedFleet) checkNames(t *testing.T) {
	var names []string
	if err := f.get("/api/v1/label/__name__/values", &names); err != nil {
		t.Fatal(err)
	}
	rules, err := f.rules()
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, r := range rules {
		all.WriteString(r.Query + "\n")
	}
	for _, b := range boards(t) {
		for i := range b.Panels {
			for _, target := range b.Panels[i].Targets {
				all.WriteString(target.Expr + "\n")
			}
		}
	}
	used := metricUse.FindAllString(all.String(), -1)
	for _, name := range used {
		if !seldom[name] && !slices.Contains(names, name) {
			t.Errorf("nothing is called %s", name)
		}
	}
	if len(used) == 0 {
		t.Error("no metrics are named")
	}
}

// checkConventions hands what the aggregator says to promtool.
func (f *watchedFleet) checkConventions(t *testing.T) {
	for _, path := range []string{"/metrics", "/metrics/", "/metrics/inventory/", "/metrics/compliance_checks/"} {
		page, err := f.site.text(metricsSecret, path)
		if err != nil || !strings.Contains(page, " rollcall_") {
			t.Fatalf("%s: %v: %.200s", path, err, page)
		}
		promtool(t, page, "check", "metrics")
	}
}

var (
	exampleTargets = regexp.MustCompile(`targets: \[.*\]`)
	exampleTLS     = regexp.MustCompile(`(?m)^ +tls_config: .*\n`)
	exampleEvery   = regexp.MustCompile(`(scrape|evaluation)_interval: \S+`)
)

// configuration is the packaged example for one aggregator without TLS, and in a hurry.
func (f *watchedFleet) configuration(t *testing.T, token string) string {
	t.Helper()
	rules, err := filepath.Abs(filepath.Join(packaged, "prometheus", rulesFile))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(
		"/usr/share/rollcall/prometheus/rollcall.rules.yml", rules, "/etc/prometheus/rollcall.token", token, "scheme: https", "scheme: http",
	).Replace(readPackaged(t, "prometheus", "prometheus.example.yml"))
	text = exampleTLS.ReplaceAllString(text, "")
	text = exampleEvery.ReplaceAllString(text, "${1}_interval: 1s")
	return exampleTargets.ReplaceAllString(text, fmt.Sprintf("targets: [%q]", f.address()))
}

func (f *watchedFleet) address() string { return strings.TrimPrefix(f.site.url, "http://") }

// failedYesterday is how many machines failed the check release a day before.
const failedYesterday = 1

// past is that in the OpenMetrics format, for as long as the test may last.
func (f *watchedFleet) past() string {
	var b strings.Builder
	b.WriteString("# TYPE rollcall_compliance_check_machines gauge\n")
	begin := time.Now().Add(-24*time.Hour - 10*time.Minute)
	for at := range 40 {
		fmt.Fprintf(&b, "rollcall_compliance_check_machines{check=\"release\",check_id=\"%d\",instance=%q,job=\"rollcall-compliance\",severity=\"high\",status=\"FAILED\"} %d %d\n",
			f.checks["release"], f.address(), failedYesterday, begin.Add(time.Duration(at)*time.Minute).Unix())
	}
	return b.String() + "# EOF\n"
}

// newWatchedFleet starts all of it.
func newWatchedFleet(t *testing.T) *watchedFleet {
	t.Helper()
	receiver := newReceiver(t, killSecret, 0, 1)
	f := &watchedFleet{checks: map[string]int64{}}
	dir := t.TempDir()
	token, file := filepath.Join(dir, "token"), filepath.Join(dir, "aggregator.yaml")
	for name, content := range map[string]string{token: metricsSecret + "\n", file: fmt.Sprintf(watchedConfiguration, token, receiver.url, killSecret)} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.site = newSite(t, "--config", file)
	f.api = f.site.must("token", "create", "--name", "test", "--role", "admin")
	f.fill(t)
	f.prometheus = newPrometheus(t, f.configuration(t, token), f.past())
	f.agent.mustOnce()
	return f
}
