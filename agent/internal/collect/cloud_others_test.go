// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

const azureDocumentText = `{"compute":{"vmId":"02AAB8A4-74EF-476E-8182-F6D2BA4166A6","vmSize":"Standard_A3","name":"web","location":"westeurope","zone":"2",
 "subscriptionId":"8d10da13","resourceGroupName":"shop","priority":"Spot","osProfile":{"computerName":"web-1"},
 "storageProfile":{"imageReference":{"publisher":"debian","offer":"debian-12","sku":"12"}},"tagsList":[{"name":"Env","value":"prod"},{"name":"App","value":""}]},
 "network":{"interface":[{"ipv4":{"ipAddress":[{"privateIpAddress":"10.1.2.3","publicIpAddress":""}]}}]}}`

const gcpDocumentText = `{"id":4520031799277581759,"name":"web","hostname":"web.c.shop.internal","zone":"projects/739419398126/zones/europe-west1-b",
 "machineType":"projects/739419398126/machineTypes/e2-medium","image":"projects/debian-cloud/global/images/debian-12","scheduling":{"preemptible":"FALSE"},
 "attributes":{"ssh-keys":"secret"},"tags":["https","http"],
 "networkInterfaces":[{"ip":"10.132.0.2","network":"projects/739419398126/networks/default","accessConfigs":[{"externalIp":"203.0.113.9"}]}]}`

func TestOtherClouds(t *testing.T) {
	t.Parallel()
	asked := map[string]string{"azure": "Metadata", "gcp": "Metadata-Flavor"}
	service := func(cloud string, answers map[string]string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, ok := answers[r.URL.Path]
			if r.Header.Get(asked[cloud]) == "" || !ok {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			w.Header().Set("Metadata-Flavor", "Google")
			fmt.Fprint(w, body)
		}
	}
	h := &hosttest.Machine{Files: azure, Cloud: double(t, service("azure", map[string]string{"/metadata/instance": azureDocumentText}))}
	snap, err := gather(t, "cloud_instance", h)
	want := "{account_id:8d10da13,hostname:web-1,image_id:debian:debian-12:12,instance_id:02aab8a4-74ef-476e-8182-f6d2ba4166a6,instance_type:Standard_A3," +
		"life_cycle:spot,name:web,private_ipv4:10.1.2.3,provider:azure,region:westeurope,resource_group:shop,tags:[{key:App,value:},{key:Env,value:prod}],zone:2}"
	if got := show(snap.GetCloudInstance()); err != nil || got != want {
		t.Errorf("azure: %v\ngot  %s\nwant %s", err, got, want)
	}
	h = &hosttest.Machine{Files: google, Cloud: double(t, service("gcp", map[string]string{
		"/computeMetadata/v1/instance/": gcpDocumentText, "/computeMetadata/v1/project/project-id": "shop-1",
	}))}
	snap, err = gather(t, "cloud_instance", h)
	want = "{account_id:shop-1,hostname:web.c.shop.internal,image_id:projects/debian-cloud/global/images/debian-12,instance_id:4520031799277581759," +
		"instance_type:e2-medium,life_cycle:on-demand,name:web,network_id:default,private_ipv4:10.132.0.2,provider:gcp,public_ipv4:203.0.113.9," +
		"region:europe-west1,tags:[{key:http},{key:https}],zone:europe-west1-b}"
	if got := show(snap.GetCloudInstance()); err != nil || got != want {
		t.Errorf("gcp: %v\ngot  %s\nwant %s", err, got, want)
	}
}

func TestSomebodyElsesAnswerIsNotGoogles(t *testing.T) {
	t.Parallel()
	h := &hosttest.Machine{Files: google, Cloud: double(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, gcpDocumentText)
	}))}
	if _, err := gather(t, "cloud_instance", h); err == nil || !strings.Contains(err.Error(), "Google") {
		t.Errorf("got %v", err)
	}
}

// FuzzCloudDocuments: whatever a metadata service answers is refused or can be reported.
func FuzzCloudDocuments(f *testing.F) {
	for _, seed := range []string{ec2DocumentText, azureDocumentText, gcpDocumentText, `{"id":"\u0000"}`, `{"compute":{"vmId":"\ud800"}}`, `[]`, ``} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		snaps := []*inventoryv1.Snapshot{{}, {}, {}}
		if d, err := parseEC2Document(string(raw)); err == nil {
			snaps[0].CloudInstance = &inventoryv1.CloudInstance{Provider: told(cloudAWS), InstanceId: told(d.InstanceID), Region: told(d.Region)}
		}
		snaps[1].CloudInstance, _ = parseAzure(raw)
		snaps[2].CloudInstance, _ = parseGCP(raw, "p")
		for _, snap := range snaps {
			if _, err := asset.JSON(snap); err != nil {
				t.Fatalf("%s cannot be reported: %v", show(snap.CloudInstance), err)
			}
		}
	})
}
