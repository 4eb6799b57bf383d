// SPDX-License-Identifier: Apache-2.0

//go:build linux && e2e

package endtoend_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// prometheus is a real one that looks at an aggregator.
type prometheus struct {
	t   *testing.T
	url string
	out *output
}

var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// newPrometheus starts one with a configuration and, in the past, what a file in the OpenMetrics format says.
func newPrometheus(t *testing.T, configuration, past string) *prometheus {
	t.Helper()
	path, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("SKIPPED: no real Prometheus looked at the aggregator: apt-get install -y prometheus")
	}
	dir := t.TempDir()
	storage, file, before := filepath.Join(dir, "data"), filepath.Join(dir, "prometheus.yml"), filepath.Join(dir, "past")
	for name, content := range map[string]string{file: configuration, before: past} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	promtool(t, "", "check", "config", file)
	promtool(t, "", "tsdb", "create-blocks-from", "openmetrics", before, storage)
	p := &prometheus{t: t, out: &output{}}
	cmd := command(path, "--config.file="+file, "--storage.tsdb.path="+storage, "--web.listen-address=127.0.0.1:0")
	cmd.Stdout, cmd.Stderr = p.out, p.out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may be gone
		_ = cmd.Wait()                          // see above
		if t.Failed() {
			t.Logf("Prometheus's last words:\n%s", p.out.tail())
		}
	})
	err = wait(startLimit, func() (bool, error) {
		found := listening.FindStringSubmatch(p.out.String())
		if found == nil {
			return false, nil
		}
		p.url = "http://" + found[1]
		return p.ready(), nil
	})
	if err != nil {
		t.Fatalf("Prometheus: %v\n%s", err, p.out.tail())
	}
	return p
}

// ready asks once.
func (p *prometheus) ready() bool {
	response, err := http.Get(p.url + "/-/ready") //nolint:noctx // the test's own server
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// get reads data of an answer of Prometheus's API.
func (p *prometheus) get(path string, data any) error {
	response, err := http.Get(p.url + path) //nolint:noctx // see ready
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("%s: %w: %s", path, err, body)
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", path, answer.Error)
	}
	return nil
}

// measured is a series of an answer.
type measured struct {
	Metric map[string]string
	Value  [2]any // when, and the number as text
}

func (m *measured) number() float64 {
	text, _ := m.Value[1].(string) // Prometheus says so
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return n
}

// query evaluates an expression now.
func (p *prometheus) query(expr string) ([]measured, error) {
	var answer struct{ Result []measured }
	err := p.get("/api/v1/query?query="+url.QueryEscape(expr), &answer)
	return answer.Result, err
}

// numbers evaluates an expression now, and returns what is not 0 by the values of labels, with | between them.
func (p *prometheus) numbers(expr string, labels ...string) (map[string]int, error) {
	series, err := p.query(expr)
	if err != nil {
		return nil, err
	}
	numbers := map[string]int{}
	for i := range series {
		var key []string
		for _, label := range labels {
			key = append(key, series[i].Metric[label])
		}
		if n := int(series[i].number()); n != 0 {
			numbers[strings.Join(key, "|")] += n
		}
	}
	return numbers, nil
}

// ruleState is what Prometheus says of a rule.
type ruleState struct{ Name, Query, Health, LastError, LastEvaluation string }

func (p *prometheus) rules() ([]ruleState, error) {
	var answer struct{ Groups []struct{ Rules []ruleState } }
	if err := p.get("/api/v1/rules", &answer); err != nil {
		return nil, err
	}
	var all []ruleState
	for _, g := range answer.Groups {
		all = append(all, g.Rules...)
	}
	return all, nil
}
