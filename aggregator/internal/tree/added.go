// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"encoding/json"

	"github.com/rollcall-inventory/rollcall/proto/asset"
	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	"github.com/rollcall-inventory/rollcall/proto/normal"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"
)

// Added holds the keys of a tree that are not sections: what the aggregator
// knows about the machine. Empty values have no key in the tree.
type Added struct {
	Source       Source
	SerialNumber string
	Reference    string
	PublicIP     string
	Platform     string
	Type         string
	BusinessUnit *inventoryv1.BusinessUnit // instead of a reported one
	Links        []*inventoryv1.Link       // behind the reported ones
}

// text returns the value of a plain key, "" for every other key.
func (a *Added) text(key string) string {
	switch key {
	case "serial_number":
		return a.SerialNumber
	case "reference":
		return a.Reference
	case "public_ip_address":
		return a.PublicIP
	case "platform":
		return a.Platform
	case "type":
		return a.Type
	}
	return ""
}

// value returns the JSON of an added key, nil when there is none.
func (a *Added) value(key string) ([]byte, error) {
	switch {
	case key == "source" && a.Source != Source{}:
		return a.Source.json()
	case key == "business_unit" && a.BusinessUnit != nil:
		return asset.JSON(a.BusinessUnit)
	}
	if text := a.text(key); text != "" {
		return asset.CanonicalScalar(text)
	}
	return nil, nil
}

// links returns the added links when key is theirs.
func (a *Added) links(key string) []*inventoryv1.Link {
	if key != "links" {
		return nil
	}
	return a.Links
}

// json returns the source as trees show it.
func (s Source) json() ([]byte, error) {
	m := &inventoryv1.Source{Module: &s.Module, Name: &s.Name}
	if s.Config != "" {
		m.Config = &s.Config
	}
	return asset.JSON(m)
}

// Infer returns the platform and the type that follow from the sections, each ""
// when nothing tells: then the submitted value, if any, stays.
func Infer(sections snapshot.Sections) (platform, machineType string) {
	var version struct {
		Name string `json:"name"`
	}
	read(sections, "os_version", &version)
	platform, _ = normal.Platform(version.Name)
	machineType, _ = normal.MachineType(hardware(sections))
	return platform, machineType
}

// hardware collects what the machine's type follows from.
func hardware(sections snapshot.Sections) normal.Hardware {
	var system struct {
		HardwareModel  string `json:"hardware_model"`
		HardwareSerial string `json:"hardware_serial"`
		CPUBrand       string `json:"cpu_brand"`
		Hypervisor     string `json:"hypervisor"`
		ChassisType    string `json:"chassis_type"`
	}
	read(sections, "system_info", &system)
	h := normal.Hardware{
		HardwareModel:  system.HardwareModel,
		HardwareSerial: system.HardwareSerial,
		CPUBrand:       system.CPUBrand,
		Hypervisor:     system.Hypervisor,
		ChassisType:    system.ChassisType,
	}
	if ec2 := sections["ec2_instance_metadata"]; ec2 != nil {
		h.EC2 = len(ec2.Assets) > 0
	}
	if interfaces := sections["network_interfaces"]; interfaces != nil {
		for _, a := range interfaces.Assets {
			h.MACs = append(h.MACs, macOf(a.Body))
		}
	}
	return h
}

func macOf(body []byte) string {
	var row struct {
		MAC string `json:"mac"`
	}
	if json.Unmarshal(body, &row) != nil {
		return ""
	}
	return row.MAC
}

// read decodes the asset of a section that has one. A body of another shape
// leaves what could be read: it tells nothing, which is no error.
func read(sections snapshot.Sections, kind string, into any) {
	if section := sections[kind]; section != nil && len(section.Assets) > 0 {
		_ = json.Unmarshal(section.Assets[0].Body, into)
	}
}
