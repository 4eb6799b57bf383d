// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/store/storetest"
)

const (
	// startLimit is how long a program may take to be ready, recovery of the database included.
	startLimit = time.Minute
	// commandLimit bounds a command that ends by itself.
	commandLimit = 2 * time.Minute
	// pollInterval paces every wait for another process.
	pollInterval = 20 * time.Millisecond
)

// binaries is the folder of the built programs; TestMain removes it.
var binaries string

func TestMain(m *testing.M) {
	code := m.Run()
	if binaries != "" {
		_ = os.RemoveAll(binaries) // it lies in the temporary folder
	}
	os.Exit(code)
}

// build compiles both programs, once per test process.
var build = sync.OnceValue(func() error {
	dir, err := os.MkdirTemp("", "rollcall-bin-")
	if err != nil {
		return err
	}
	binaries = dir
	for _, module := range []string{"agent", "aggregator"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "rollcall-"+module), "./cmd/rollcall-"+module)
		cmd.Dir = filepath.Join("..", "..", "..", module)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build rollcall-%s: %w\n%s", module, err, out)
		}
	}
	return nil
})

// program returns the path of a built program.
func program(t testing.TB, name string) string {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(binaries, name)
}

// output collects what a process prints. It is safe for concurrent use.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// tail returns the last lines.
func (o *output) tail() string {
	const lines = 25
	all := strings.Split(strings.TrimSpace(o.String()), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// command prepares a process that ends with this one, however that ends.
func command(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// site is an aggregator, with an embedded PostgreSQL of its own unless it is given a database.
type site struct {
	t        testing.TB
	dir      string // every user may enter it
	database string // URL; empty: embedded below dir
	program  string // path, empty: the one of this tree
	args     []string
	out      *output // of all its processes

	url, grpc string // set by the first start; later ones use them again

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{}
}

// newSite starts an aggregator with further flags and waits until it is ready.
func newSite(t testing.TB, args ...string) *site {
	t.Helper()
	return startSite(&site{t: t, dir: storetest.Dir(t), args: args})
}

// startSite is newSite for one that is set up already.
func startSite(s *site) *site {
	s.t.Helper()
	s.out = &output{}
	s.t.Cleanup(func() {
		s.stop(syscall.SIGTERM)
		if s.t.Failed() {
			s.t.Logf("the aggregator's last words:\n%s", s.out.tail())
		}
	})
	if err := s.start(); err != nil {
		s.t.Fatal(err)
	}
	return s
}

var announced = regexp.MustCompile(`is at (https?://[^,\s]+), native gRPC for agents at ([^\s]+)\.`)

// start starts the aggregator and waits until it is ready.
func (s *site) start() error {
	listen, grpc := "127.0.0.1:0", "127.0.0.1:0"
	if s.url != "" {
		_, listen, _ = strings.Cut(s.url, "://")
		grpc = s.grpc
	}
	args := slices.Concat([]string{"serve", "--listen", listen, "--grpc-listen", grpc}, s.databaseFlag(), s.args)
	path := s.program
	if path == "" {
		path = program(s.t, "rollcall-aggregator")
	}
	cmd := command(path, args...)
	cmd.Stdout, cmd.Stderr = s.out, s.out
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // tests kill it
		close(ended)
	}()
	s.mu.Lock()
	s.cmd, s.ended = cmd, ended
	s.mu.Unlock()
	return s.awaitReady()
}

// awaitReady waits until the aggregator answers that it is ready.
func (s *site) awaitReady() error {
	return wait(startLimit, func() (bool, error) {
		if s.over() {
			return false, fmt.Errorf("the aggregator ended:\n%s", s.out.tail())
		}
		if s.url == "" {
			found := announced.FindStringSubmatch(s.out.String())
			if found == nil {
				return false, nil
			}
			s.url, s.grpc = found[1], found[2]
		}
		return s.ready(), nil
	})
}

// ready asks once.
func (s *site) ready() bool {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: anyCertificate}}
	response, err := client.Get(s.url + "/-/ready")
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func (s *site) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// stop ends the process with a signal and waits until it is gone.
func (s *site) stop(signal syscall.Signal) {
	s.mu.Lock()
	cmd, ended := s.cmd, s.ended
	s.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(signal) // it may be gone
	select {
	case <-ended:
	case <-time.After(startLimit):
		s.t.Errorf("the aggregator does not end on %s", signal)
		_ = cmd.Process.Kill() // it may be gone
		<-ended
	}
}

func (s *site) pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cmd.Process.Pid
}

func (s *site) postgres() string { return filepath.Join(s.dir, "pg") }

// databaseFlag names the site's database to a verb.
func (s *site) databaseFlag() []string {
	if s.database != "" {
		return []string{"--database-url", s.database}
	}
	return []string{"--embedded-postgres", s.postgres()}
}

// run runs another verb of the aggregator on the site's database and returns what it printed.
func (s *site) run(args ...string) (string, error) {
	return runProgram(s.t, nil, "rollcall-aggregator", append(args, s.databaseFlag()...)...)
}

// must is run for verbs that have to succeed; it returns the last line.
func (s *site) must(args ...string) string {
	s.t.Helper()
	out, err := s.run(args...)
	if err != nil {
		s.t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1]
}

// exitError is a program that ended with another code than 0.
type exitError struct {
	code           int
	stdout, stderr string
}

func (e *exitError) Error() string {
	return fmt.Sprintf("exit code %d: %s", e.code, strings.TrimSpace(e.stderr))
}

// runProgram runs a program to its end and returns its standard output.
func runProgram(t testing.TB, started func(*exec.Cmd), name string, args ...string) (string, error) {
	t.Helper()
	cmd := command(program(t, name), args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		return "", err
	}
	if started != nil {
		started(cmd)
	}
	timer := time.AfterFunc(commandLimit, func() { _ = cmd.Process.Kill() }) // its end says so
	defer timer.Stop()
	if err := cmd.Wait(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return stdout.String(), &exitError{exit.ExitCode(), stdout.String(), stderr.String()}
		}
		return stdout.String(), err
	}
	return stdout.String(), nil
}

// get reads JSON from the API into v.
func (s *site) get(token, path string, v any) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	if err == nil {
		err = json.Unmarshal(body, v)
	}
	if err != nil {
		s.t.Fatalf("GET %s: %v", path, err)
	}
}

// wait asks until done or an error says that it is over.
func wait(limit time.Duration, ask func() (bool, error)) error {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		if done, err := ask(); done || err != nil {
			return err
		}
		select {
		case <-deadline.C:
			return fmt.Errorf("nothing within %s", limit)
		case <-tick.C:
		}
	}
}
