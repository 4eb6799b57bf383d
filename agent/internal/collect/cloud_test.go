// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
	"github.com/rollcall-inventory/rollcall/agent/internal/metadata"
)

// toDouble sends requests for a metadata service to a server of the test, and remembers where they were meant to go.
type toDouble struct {
	server *url.URL
	asked  atomic.Int64
}

func (d *toDouble) RoundTrip(r *http.Request) (*http.Response, error) {
	d.asked.Add(1)
	if r.URL.Host != "169.254.169.254" {
		return nil, fmt.Errorf("request to %s", r.URL.Host)
	}
	r = r.Clone(r.Context())
	r.URL.Host = d.server.Host
	return http.DefaultTransport.RoundTrip(r)
}

// double starts a metadata service.
func double(t *testing.T, h http.Handler) *toDouble {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &toDouble{server: at}
}

const ec2DocumentText = `{
  "accountId" : "123456789012", "architecture" : "x86_64", "availabilityZone" : "eu-central-1b", "imageId" : "ami-1",
  "instanceId" : "i-0abc", "instanceType" : "t3.large", "privateIp" : "10.0.3.9", "region" : "eu-central-1",
  "pendingTime" : "2026-01-02T03:04:05Z", "version" : "2017-09-30"
}`

// imds is an EC2 metadata service in version 2.
type imds struct {
	values map[string]string
	tokens atomic.Int64 // drawn so far; the newest is valid
	stale  atomic.Bool  // the next request finds its token expired
	signed atomic.Int64
}

func newIMDS() *imds {
	const nic = "meta-data/network/interfaces/macs/0a:1b:2c:3d:4e:5f/"
	return &imds{values: map[string]string{
		"dynamic/instance-identity/document": ec2DocumentText,
		"meta-data/mac":                      "0a:1b:2c:3d:4e:5f", "meta-data/local-hostname": "ip-10-0-3-9.eu-central-1.compute.internal",
		"meta-data/reservation-id": "r-1", "meta-data/security-groups": "web\ndefault", "meta-data/instance-life-cycle": "spot",
		"meta-data/iam/info":                           `{"Code":"Success","InstanceProfileArn":"arn:aws:iam::123456789012:instance-profile/web"}`,
		"meta-data/placement/availability-zone-id":     "euc1-az3",
		"meta-data/public-ipv4":                        "203.0.113.7",
		nic + "vpc-id":                                 "vpc-1",
		nic + "subnet-id":                              "subnet-1",
		nic + "security-group-ids":                     "sg-2\nsg-1",
		"meta-data/tags/instance":                      "Name\nEnv\nCost:Center",
		"meta-data/tags/instance/Name":                 "web-1",
		"meta-data/tags/instance/Env":                  "prod",
		"meta-data/tags/instance/Cost:Center":          "",
		"meta-data/autoscaling/target-lifecycle-state": "InService",
	}}
}

func (s *imds) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/latest/api/token" {
		if r.Method != http.MethodPut || r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds") == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, "token-%d", s.tokens.Add(1))
		return
	}
	if s.stale.Swap(false) || r.Header.Get("X-aws-ec2-metadata-token") != fmt.Sprintf("token-%d", s.tokens.Load()) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/latest/")
	if path == "dynamic/instance-identity/rsa2048" {
		fmt.Fprintf(w, "MIAG%d\nCSqG", s.signed.Add(1)) // another one each time
		return
	}
	value, ok := s.values[path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	fmt.Fprint(w, value)
}

// nitro is the firmware of an EC2 instance, azure and google of the others' machines.
var (
	nitro  = fstest.MapFS{"sys/class/dmi/id/sys_vendor": text("Amazon EC2\n"), "sys/class/dmi/id/board_asset_tag": text("i-0abc\n")}
	xen    = fstest.MapFS{"sys/class/dmi/id/sys_vendor": text("Xen\n"), "sys/class/dmi/id/bios_version": text("4.11.amazon\n")}
	azure  = fstest.MapFS{"sys/class/dmi/id/sys_vendor": text("Microsoft Corporation\n"), "sys/class/dmi/id/chassis_asset_tag": text(azureChassis + "\n")}
	google = fstest.MapFS{"sys/class/dmi/id/sys_vendor": text("Google\n"), "sys/class/dmi/id/product_name": text("Google Compute Engine\n")}
)

func TestNobodyIsAskedOutsideTheClouds(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]fs.FS{
		"no firmware": fstest.MapFS{},
		"laptop":      fstest.MapFS{"sys/class/dmi/id/sys_vendor": text("LENOVO\n"), "sys/class/dmi/id/product_uuid": text("ec2f1a2b-0000-4000-8000-1234567890ab\n")},
		"hyper-v":     fstest.MapFS{"sys/class/dmi/id/sys_vendor": text("Microsoft Corporation\n"), "sys/class/dmi/id/chassis_asset_tag": text("1234\n")},
		"chromebook":  fstest.MapFS{"sys/class/dmi/id/sys_vendor": text("Google\n"), "sys/class/dmi/id/product_name": text("Eve\n")},
	} {
		cloud := double(t, http.NotFoundHandler())
		_, err := gather(t, "cloud_instance", &hosttest.Machine{Files: files, Cloud: cloud})
		if !errors.Is(err, ErrAbsent) || cloud.asked.Load() != 0 {
			t.Errorf("%s: %v, %d requests; want none", name, err, cloud.asked.Load())
		}
	}
}

func TestEC2InstanceIsDescribedByItsMetadata(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]fs.FS{
		"nitro": nitro, "xen": xen,
		"xen guest that sees its hypervisor": fstest.MapFS{"sys/hypervisor/uuid": text("EC2e1916-9099-7caf-fd21-012345abcdef\n")},
	} {
		service := newIMDS()
		h := &hosttest.Machine{Files: files, Cloud: double(t, service)}
		snap, err := gather(t, "cloud_instance", h)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := show(snap.GetEc2InstanceMetadata())
		for _, want := range []string{
			"instance_id:i-0abc", "instance_type:t3.large", "region:eu-central-1", "availability_zone:eu-central-1b", "account_id:123456789012",
			"ami_id:ami-1", "mac:0a:1b:2c:3d:4e:5f", "local_ipv4:10.0.3.9", "security_groups:default,web", "reservation_id:r-1",
			"iam_arn:arn:aws:iam::123456789012:instance-profile/web", "life_cycle:spot", "availability_zone_id:euc1-az3", "vpc_id:vpc-1",
			"subnet_id:subnet-1", "security_group_ids:[sg-1,sg-2]", "public_ipv4:203.0.113.7", "identity_signature:MIAG1CSqG",
			"autoscaling_target_state:InService", "local_hostname:ip-10-0-3-9.eu-central-1.compute.internal",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %s in %s", name, want, got)
			}
		}
		if snap.GetEc2InstanceMetadata().GetIdentityDocument() != ec2DocumentText {
			t.Errorf("%s: the document is not the one that was signed: %q", name, snap.GetEc2InstanceMetadata().GetIdentityDocument())
		}
		if got, want := show(snap.GetEc2InstanceTags()...), "{key:Name,value:web-1}\n{key:Env,value:prod}\n{key:Cost:Center,value:}"; got != want {
			t.Errorf("%s: tags %s, want %s", name, got, want)
		}
		c := snap.GetCloudInstance()
		if c.GetProvider() != "aws" || c.GetInstanceId() != "i-0abc" || c.GetName() != "" || c.GetNetworkId() != "vpc-1" {
			t.Errorf("%s: cloud instance %s", name, show(c))
		}
	}
}

func TestEC2SectionIsTheSameWhenAskedAgain(t *testing.T) {
	t.Parallel()
	service := newIMDS()
	h := &hosttest.Machine{Files: nitro, Cloud: double(t, service)}
	files := &memo{}
	var before string
	for round := range 3 {
		snap := &inventoryv1.Snapshot{}
		if err := collectCloudInstance(context.Background(), h, files, snap); err != nil {
			t.Fatal(err)
		}
		files.sweep()
		got := show(snap.GetEc2InstanceMetadata())
		if round > 0 && got != before {
			t.Errorf("round %d:\n%s\nwas\n%s", round, got, before)
		}
		before = got
	}
}

func TestMetadataServiceThatFails(t *testing.T) {
	t.Parallel()
	answer := func(path string, status int, body string) func(*imds, http.ResponseWriter, *http.Request) bool {
		return func(_ *imds, w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, path) {
				return false
			}
			if status == http.StatusFound {
				w.Header().Set("Location", "http://192.0.2.1/")
			}
			w.WriteHeader(status)
			fmt.Fprint(w, body)
			return true
		}
	}
	tests := []struct {
		name  string
		fault func(*imds, http.ResponseWriter, *http.Request) bool // true: answered
		is    error
		says  string
	}{
		{name: "no token", fault: answer("api/token", http.StatusForbidden, ""), is: metadata.ErrNoToken, says: "hop"},
		{name: "a token that is none", fault: answer("api/token", http.StatusOK, "<html> <body>"), is: metadata.ErrNoToken, says: "no token"},
		{name: "redirect", fault: answer("instance-identity/document", http.StatusFound, ""), says: "302"},
		{name: "giant", fault: answer("instance-identity/document", http.StatusOK, strings.Repeat("x", 4<<20)), says: "more than"},
		{name: "no JSON", fault: answer("instance-identity/document", http.StatusOK, "<html>"), says: "identity document"},
		{name: "cut off", fault: answer("instance-identity/document", http.StatusOK, `{"instanceId":"i-1"}`), says: "missing"},
		{name: "server error in the middle", fault: answer("meta-data/mac", http.StatusInternalServerError, ""), says: "500"},
		{name: "server error in the tags", fault: answer("tags/instance/Env", http.StatusServiceUnavailable, ""), says: "503"},
		{name: "version 1 only", fault: func(_ *imds, w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPut {
				w.WriteHeader(http.StatusMethodNotAllowed)
				return true
			}
			t.Errorf("asked without a token for %s", r.URL.Path)
			return false
		}, is: metadata.ErrNoToken, says: "405"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			service := newIMDS()
			h := &hosttest.Machine{Files: nitro, Cloud: double(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !tt.fault(service, w, r) {
					service.ServeHTTP(w, r)
				}
			}))}
			snap, err := gather(t, "cloud_instance", h)
			if err == nil || !strings.Contains(err.Error(), tt.says) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got %v, want %v with %q", err, tt.is, tt.says)
			}
			if err != nil && strings.Contains(err.Error(), "token-") {
				t.Errorf("the token is told: %v", err)
			}
			if snap.GetEc2InstanceMetadata() != nil || snap.GetCloudInstance() != nil || snap.GetEc2InstanceTags() != nil {
				t.Error("half of the facts are told")
			}
		})
	}
}

func TestMetadataServiceThatHangs(t *testing.T) {
	t.Parallel()
	for _, silent := range []string{"/latest/api/token", "/latest/dynamic/instance-identity/document"} {
		service := newIMDS()
		h := &hosttest.Machine{Files: nitro, Cloud: double(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == silent {
				<-r.Context().Done() // until the agent gives up
				return
			}
			service.ServeHTTP(w, r)
		}))}
		if _, err := gather(t, "cloud_instance", h); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v", silent, err)
		}
	}
}

func TestStaleTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	service := newIMDS()
	service.stale.Store(true)
	if _, err := gather(t, "cloud_instance", &hosttest.Machine{Files: nitro, Cloud: double(t, service)}); err != nil || service.tokens.Load() != 2 {
		t.Errorf("got %v after %d tokens, want 2", err, service.tokens.Load())
	}
	never := newIMDS()
	h := &hosttest.Machine{Files: nitro, Cloud: double(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		never.ServeHTTP(w, r)
	}))}
	if _, err := gather(t, "cloud_instance", h); err == nil || never.tokens.Load() != 2 {
		t.Errorf("got %v after %d tokens, want an error after 2", err, never.tokens.Load())
	}
}

func TestTagsThatAreNotAllowedAreNoFailure(t *testing.T) {
	t.Parallel()
	service := newIMDS()
	delete(service.values, "meta-data/tags/instance")
	snap, err := gather(t, "cloud_instance", &hosttest.Machine{Files: nitro, Cloud: double(t, service)})
	if err != nil || len(snap.GetEc2InstanceTags()) != 0 || snap.GetEc2InstanceMetadata() == nil {
		t.Errorf("got %v, %s", err, show(snap.GetEc2InstanceTags()...))
	}
}
