// SPDX-License-Identifier: Apache-2.0

//go:build linux

package endtoend_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// metadataAddress is where the metadata services of clouds are.
const metadataAddress = "169.254.169.254"

// insideNamespace is set for the test's second self, which has a network of its own.
const insideNamespace = "ROLLCALL_TEST_NETWORK_NAMESPACE"

// inNamespace runs the test again in a network namespace with the metadata service's address on its loopback, and
// returns true in there. The test outside is over then.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideNamespace) != "" {
		for _, args := range [][]string{{"link", "set", "lo", "up"}, {"address", "add", metadataAddress + "/32", "dev", "lo"}} {
			if out, err := exec.CommandContext(t.Context(), "ip", args...).CombinedOutput(); err != nil {
				t.Fatalf("ip %v: %v: %s", args, err, out)
			}
		}
		return true
	}
	for _, tool := range []string{"unshare", "ip"} {
		if _, err := exec.LookPath(tool); err != nil || os.Getuid() != 0 {
			t.Skipf("needs root and the program %s", tool)
		}
	}
	again := exec.CommandContext(t.Context(), "unshare", "--net", "--", os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	again.Env = append(os.Environ(), insideNamespace+"=1")
	if out, err := again.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("in the namespace: %v\n%s", err, out)
	}
	return false
}

// serveIMDS is EC2's metadata service, version 2.
func serveIMDS(t *testing.T, values map[string]string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", metadataAddress+":80")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		const token = "a-token"
		value, known := values[strings.TrimPrefix(r.URL.Path, "/latest/")]
		switch {
		case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token" && r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds") != "":
			fmt.Fprint(w, token)
		case r.Header.Get("X-aws-ec2-metadata-token") != token:
			w.WriteHeader(http.StatusUnauthorized)
		case !known:
			w.WriteHeader(http.StatusNotFound)
		default:
			fmt.Fprint(w, value)
		}
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Shutdown(context.WithoutCancel(t.Context()))
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

// TestAnEC2InstanceIsKnownByItsMetadata lets a real agent meet the metadata service where it really is, and switches its
// tags off at the centre.
func TestAnEC2InstanceIsKnownByItsMetadata(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) {
		return
	}
	serveIMDS(t, map[string]string{
		"dynamic/instance-identity/document": `{"instanceId":"i-0e2e","instanceType":"t3.large","architecture":"x86_64","region":"eu-central-1",
			"availabilityZone":"eu-central-1b","privateIp":"10.0.3.9","accountId":"123456789012","imageId":"ami-1"}`,
		"dynamic/instance-identity/rsa2048": "MIAG", "meta-data/mac": "0a:1b:2c:3d:4e:5f", "meta-data/local-hostname": "ip-10-0-3-9",
		"meta-data/reservation-id": "r-1", "meta-data/tags/instance": "Name\nEnv",
		"meta-data/tags/instance/Name": "web-1", "meta-data/tags/instance/Env": "prod",
	})
	s := newSite(t)
	token := s.must("token", "create", "--name", "test", "--role", "admin")
	var created struct {
		ID int64 `json:"id"`
	}
	s.send(token, http.MethodPost, "/api/v1/configurations", map[string]any{"name": "cloud"}, &created)
	e := newEndpoint(t, 5)
	if err := os.Remove(filepath.Join(e.root, ".dockerenv")); err != nil { // this one shows the firmware it is to be known by
		t.Fatal(err)
	}
	e.write("sys/class/dmi/id/sys_vendor", "Amazon EC2\n")
	e.write("sys/class/dmi/id/board_asset_tag", "i-0e2e\n")
	e.enroll(s.url, s.must("enrollment", "create", "--name", "test", "--configuration", "cloud"))
	e.mustOnce()

	read := func() (tree map[string]json.RawMessage) {
		t.Helper()
		s.get(token, "/api/v1/machines/EC2-i-0e2e/snapshot", &tree)
		return tree
	}
	tree := read()
	if string(tree["type"]) != `"EC2"` {
		t.Errorf("type %s", tree["type"])
	}
	var tags []map[string]string
	if err := json.Unmarshal(tree["ec2_instance_tags"], &tags); err != nil || len(tags) != 2 {
		t.Errorf("tags %s, %v", tree["ec2_instance_tags"], err)
	}
	s.send(token, http.MethodPut, fmt.Sprintf("/api/v1/configurations/%d", created.ID), map[string]any{"name": "cloud", "ec2_tags": false}, &created)
	next := e.mustOnce()
	if next.Outcome != "committed" || !slices.Contains(next.SectionsChanged, "ec2_instance_tags") {
		t.Errorf("the check-in after tags were switched off: %+v", next)
	}
	tree = read()
	if _, there := tree["ec2_instance_tags"]; there {
		t.Errorf("tags are still there: %s", tree["ec2_instance_tags"])
	}
	if _, there := tree["ec2_instance_metadata"]; !there {
		t.Error("the metadata went with the tags")
	}
}
