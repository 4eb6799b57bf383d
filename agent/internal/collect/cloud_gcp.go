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

// gcpDocument is what Google tells a machine of its Compute Engine. Attributes, which hold keys and scripts, are not read.
//
// Source: Google Compute Engine, "Predefined metadata keys".
type gcpDocument struct {
	ID          json.Number `json:"id"`
	Name        string      `json:"name"`
	Hostname    string      `json:"hostname"`
	Zone        string      `json:"zone"`
	MachineType string      `json:"machineType"`
	Image       string      `json:"image"`
	Scheduling  struct {
		Preemptible string `json:"preemptible"`
	} `json:"scheduling"`
	NetworkInterfaces []struct {
		IP            string `json:"ip"`
		Network       string `json:"network"`
		AccessConfigs []struct {
			ExternalIP string `json:"externalIp"`
		} `json:"accessConfigs"`
	} `json:"networkInterfaces"`
	Tags []string `json:"tags"`
}

// collectGCP asks Google's service for the instance and its project.
func collectGCP(ctx context.Context, h host.Host, snap *inventoryv1.Snapshot) error {
	raw, err := metadata.GCP(ctx, h.Metadata(), "instance/?recursive=true")
	if err != nil {
		return err
	}
	project, err := metadata.GCP(ctx, h.Metadata(), "project/project-id")
	if err != nil {
		return err
	}
	snap.CloudInstance, err = parseGCP(raw, strings.TrimSpace(string(project)))
	return err
}

// parseGCP turns the document into facts. A network tag has no value.
func parseGCP(raw []byte, project string) (*inventoryv1.CloudInstance, error) {
	var d gcpDocument
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil, fmt.Errorf("instance metadata: %w", err)
	}
	if d.ID == "" || d.ID == "0" {
		return nil, errors.New("instance metadata: id is missing")
	}
	zone := lastElement(d.Zone)
	c := &inventoryv1.CloudInstance{
		Provider: proto.String(cloudGCP), InstanceId: fact(d.ID.String()), InstanceType: fact(lastElement(d.MachineType)),
		Name: fact(d.Name), Zone: fact(zone), Region: fact(regionOfZone(zone)), AccountId: fact(project),
		ImageId: fact(d.Image), Hostname: fact(d.Hostname),
	}
	switch d.Scheduling.Preemptible {
	case "TRUE":
		c.LifeCycle = proto.String("spot")
	case "FALSE":
		c.LifeCycle = proto.String("on-demand")
	}
	for _, nic := range d.NetworkInterfaces[:min(1, len(d.NetworkInterfaces))] {
		c.PrivateIpv4, c.NetworkId = fact(ipv4(nic.IP)), fact(lastElement(nic.Network))
		for _, a := range nic.AccessConfigs[:min(1, len(nic.AccessConfigs))] {
			c.PublicIpv4 = fact(ipv4(a.ExternalIP))
		}
	}
	for _, tag := range d.Tags {
		if tag != "" {
			c.Tags = append(c.Tags, &inventoryv1.CloudTag{Key: fact(tag)})
		}
	}
	c.Tags = cloudTags(c.Tags)
	return c, nil
}

// regionOfZone cuts the last letter off: europe-west1-b is in europe-west1.
func regionOfZone(zone string) string {
	if i := strings.LastIndexByte(zone, '-'); i > 0 {
		return zone[:i]
	}
	return ""
}
