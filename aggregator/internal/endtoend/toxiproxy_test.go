// SPDX-License-Identifier: Apache-2.0

//go:build linux && e2e

package endtoend_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"testing"
	"time"
)

// toxiproxy is a running proxy that makes the network behind it bad on request.
type toxiproxy struct {
	t   testing.TB
	url string
}

// toxic is one fault; the proxy's own documentation lists types and attributes.
type toxic struct {
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	Stream     string         `json:"stream"`   // upstream or downstream
	Toxicity   float64        `json:"toxicity"` // share of the connections
	Attributes map[string]int `json:"attributes"`
}

func startToxiproxy(t testing.TB) *toxiproxy {
	t.Helper()
	path, err := exec.LookPath("toxiproxy-server")
	if err != nil {
		t.Fatal("toxiproxy-server is missing: make e2e-deps builds it")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String()) // a listener's address has a port
	_ = listener.Close()                                      // the proxy takes it over
	cmd := command(path, "-host", "127.0.0.1", "-port", port)
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be gone
		_ = cmd.Wait()         // killed
		if t.Failed() {
			t.Logf("toxiproxy's last words:\n%s", out.tail())
		}
	})
	p := &toxiproxy{t: t, url: "http://127.0.0.1:" + port}
	if err := wait(startLimit, func() (bool, error) { return p.call(http.MethodGet, "/version", nil, nil) == nil, nil }); err != nil {
		t.Fatal(err)
	}
	return p
}

// front puts a proxy before an address and returns its own.
func (p *toxiproxy) front(name, upstream string) string {
	p.t.Helper()
	var made struct {
		Listen string `json:"listen"`
	}
	err := p.call(http.MethodPost, "/proxies", map[string]any{"name": name, "listen": "127.0.0.1:0", "upstream": upstream, "enabled": true}, &made)
	if err != nil {
		p.t.Fatal(err)
	}
	return made.Listen
}

// add begins a fault on a proxy.
func (p *toxiproxy) add(proxy string, fault toxic) error {
	return p.call(http.MethodPost, "/proxies/"+proxy+"/toxics", fault, nil)
}

// remove ends a fault on a proxy.
func (p *toxiproxy) remove(proxy, name string) error {
	return p.call(http.MethodDelete, "/proxies/"+proxy+"/toxics/"+name, nil, nil)
}

func (p *toxiproxy) call(method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, body)
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: 10 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %w", method, path, errors.New(string(raw)))
	}
	if out != nil {
		return json.Unmarshal(raw, out)
	}
	return nil
}
