// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/metadata"
)

// azureDocument is what Azure tells a virtual machine.
//
// Source: Azure Instance Metadata Service, instance metadata, version 2021-02-01.
type azureDocument struct {
	Compute struct {
		VMID              string `json:"vmId"`
		VMSize            string `json:"vmSize"`
		Name              string `json:"name"`
		Location          string `json:"location"`
		Zone              string `json:"zone"`
		SubscriptionID    string `json:"subscriptionId"`
		ResourceGroupName string `json:"resourceGroupName"`
		Priority          string `json:"priority"`
		OSProfile         struct {
			ComputerName string `json:"computerName"`
		} `json:"osProfile"`
		StorageProfile struct {
			ImageReference struct {
				ID        string `json:"id"`
				Publisher string `json:"publisher"`
				Offer     string `json:"offer"`
				SKU       string `json:"sku"`
			} `json:"imageReference"`
		} `json:"storageProfile"`
		TagsList []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"tagsList"`
	} `json:"compute"`
	Network struct {
		Interface []struct {
			IPv4 struct {
				IPAddress []struct {
					PrivateIPAddress string `json:"privateIpAddress"`
					PublicIPAddress  string `json:"publicIpAddress"`
				} `json:"ipAddress"`
			} `json:"ipv4"`
		} `json:"interface"`
	} `json:"network"`
}

// collectAzure asks Azure's service.
func collectAzure(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	raw, err := metadata.Azure(ctx, h.Metadata())
	if err != nil {
		return err
	}
	snap.CloudInstance, err = parseAzure(raw)
	return err
}

// parseAzure turns the document into facts.
func parseAzure(raw []byte) (*inventoryv1.CloudInstance, error) {
	var d azureDocument
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil, fmt.Errorf("instance metadata: %w", err)
	}
	v := d.Compute
	if v.VMID == "" {
		return nil, errors.New("instance metadata: compute.vmId is missing")
	}
	c := &inventoryv1.CloudInstance{
		Provider: proto.String(cloudAzure), InstanceId: fact(strings.ToLower(v.VMID)), InstanceType: fact(v.VMSize),
		Name: fact(v.Name), Region: fact(v.Location), Zone: fact(v.Zone), AccountId: fact(v.SubscriptionID),
		Hostname: fact(v.OSProfile.ComputerName), LifeCycle: fact(azureLifeCycle(v.Priority)),
		ResourceGroup: fact(v.ResourceGroupName),
	}
	image := v.StorageProfile.ImageReference
	c.ImageId = fact(image.ID)
	if image.ID == "" && image.Publisher != "" {
		c.ImageId = fact(strings.Join([]string{image.Publisher, image.Offer, image.SKU}, ":"))
	}
	for _, nic := range d.Network.Interface[:min(1, len(d.Network.Interface))] {
		for _, a := range nic.IPv4.IPAddress[:min(1, len(nic.IPv4.IPAddress))] {
			c.PrivateIpv4, c.PublicIpv4 = fact(ipv4(a.PrivateIPAddress)), fact(ipv4(a.PublicIPAddress))
		}
	}
	for _, t := range v.TagsList {
		if t.Name != "" {
			c.Tags = append(c.Tags, &inventoryv1.CloudTag{Key: fact(t.Name), Value: proto.String(clean(t.Value))})
		}
	}
	c.Tags = cloudTags(c.Tags)
	return c, nil
}

// azureLifeCycle spells Azure's priorities in the words of all clouds.
func azureLifeCycle(priority string) string {
	switch strings.ToLower(priority) {
	case "spot", "low":
		return "spot"
	case "regular":
		return "on-demand"
	}
	return ""
}
