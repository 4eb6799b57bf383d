// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/metadata"
)

// maxEC2Tags is more than the 50 that an instance may have.
const maxEC2Tags = 200

// ec2Document is the instance identity document; what is not asked for stays in its text.
//
// Source: Amazon EC2 user guide, "Instance identity documents".
type ec2Document struct {
	InstanceID       string `json:"instanceId"`
	InstanceType     string `json:"instanceType"`
	Architecture     string `json:"architecture"`
	Region           string `json:"region"`
	AvailabilityZone string `json:"availabilityZone"`
	PrivateIP        string `json:"privateIp"`
	AccountID        string `json:"accountId"`
	ImageID          string `json:"imageId"`
}

// parseEC2Document reads an identity document; one that does not name its instance is refused.
func parseEC2Document(text string) (ec2Document, error) {
	var d ec2Document
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return d, fmt.Errorf("identity document: %w", err)
	}
	if !strings.HasPrefix(d.InstanceID, "i-") || d.Region == "" || d.AccountID == "" {
		return d, errors.New("identity document: instance, region or account is missing")
	}
	return d, nil
}

// ec2Asking asks for one value after the other; the first failure ends the rest.
type ec2Asking struct {
	service *metadata.EC2
	err     error
}

// text returns a value; "" when the service has none.
func (a *ec2Asking) text(ctx context.Context, path string) string {
	if a.err != nil {
		return ""
	}
	s, err := a.service.Get(ctx, path)
	if errors.Is(err, metadata.ErrNotFound) {
		return ""
	}
	a.err = err
	return strings.TrimSpace(s)
}

// lines returns the lines of a value, sorted.
func (a *ec2Asking) lines(ctx context.Context, path string) []string {
	lines := strings.Fields(a.text(ctx, path))
	slices.Sort(lines)
	return lines
}

// collectEC2 asks for the identity document, its signature, the network and the tags. Nothing is told of a conversation
// that broke off: half of a machine's metadata would look like a change.
func collectEC2(ctx context.Context, h host.Host, memory *memo, snap *inventoryv1.Snapshot) error {
	a := &ec2Asking{service: metadata.NewEC2(h.Metadata())}
	text := a.text(ctx, "dynamic/instance-identity/document")
	if a.err != nil {
		return a.err
	}
	d, err := parseEC2Document(text)
	if err != nil {
		return err
	}
	m := a.metadata(ctx, d)
	m.IdentityDocument = fact(text)
	m.IdentitySignature = fact(a.signature(ctx, memory, text))
	tags := a.tags(ctx)
	if a.err != nil {
		return a.err
	}
	snap.Ec2InstanceMetadata, snap.Ec2InstanceTags, snap.CloudInstance = m, tags, ec2CloudInstance(m)
	return nil
}

// signature returns the document's signature. It holds the moment of signing, so the one that was fetched first stands
// as long as the document is the same: a section must not change by being asked for.
func (a *ec2Asking) signature(ctx context.Context, memory *memo, document string) string {
	s, err := rememberAs(memory, "identity signature", document, func() (string, error) {
		s := strings.Join(strings.Fields(a.text(ctx, "dynamic/instance-identity/rsa2048")), "")
		return s, a.err
	})
	if err != nil {
		return ""
	}
	return s
}

// metadata asks for what the document lacks.
func (a *ec2Asking) metadata(ctx context.Context, d ec2Document) *inventoryv1.EC2InstanceMetadata {
	const top = "meta-data/"
	mac := a.text(ctx, top+"mac")
	nic := top + "network/interfaces/macs/" + mac + "/"
	m := &inventoryv1.EC2InstanceMetadata{
		InstanceId: told(d.InstanceID), InstanceType: told(d.InstanceType), Architecture: told(d.Architecture), Region: told(d.Region),
		AvailabilityZone: told(d.AvailabilityZone), AmiId: told(d.ImageID), AccountId: told(d.AccountID), LocalIpv4: fact(d.PrivateIP),
		LocalHostname: told(a.text(ctx, top+"local-hostname")), Mac: told(mac),
		ReservationId:          told(a.text(ctx, top+"reservation-id")),
		SecurityGroups:         fact(strings.Join(a.lines(ctx, top+"security-groups"), ",")),
		IamArn:                 fact(iamARN(a.text(ctx, top+"iam/info"))),
		SshPublicKey:           fact(a.text(ctx, top+"public-keys/0/openssh-key")),
		AvailabilityZoneId:     fact(a.text(ctx, top+"placement/availability-zone-id")),
		LifeCycle:              fact(a.text(ctx, top+"instance-life-cycle")),
		PublicHostname:         fact(a.text(ctx, top+"public-hostname")),
		PublicIpv4:             fact(ipv4(a.text(ctx, top+"public-ipv4"))),
		AutoscalingTargetState: fact(a.text(ctx, top+"autoscaling/target-lifecycle-state")),
	}
	if mac != "" {
		m.VpcId, m.SubnetId = fact(a.text(ctx, nic+"vpc-id")), fact(a.text(ctx, nic+"subnet-id"))
		m.SecurityGroupIds = a.lines(ctx, nic+"security-group-ids")
	}
	return m
}

// tags asks for the tags; none where they are not allowed in the metadata.
func (a *ec2Asking) tags(ctx context.Context) []*inventoryv1.EC2InstanceTag {
	const folder = "meta-data/tags/instance"
	var tags []*inventoryv1.EC2InstanceTag
	keys := strings.Split(a.text(ctx, folder), "\n")
	for _, key := range keys[:min(len(keys), maxEC2Tags)] {
		if key = strings.TrimSpace(key); key == "" {
			continue
		}
		value, err := a.service.Get(ctx, folder+"/"+url.PathEscape(key))
		if errors.Is(err, metadata.ErrNotFound) {
			continue // taken away meanwhile
		}
		if err != nil {
			a.err = err
			return nil
		}
		tags = append(tags, &inventoryv1.EC2InstanceTag{Key: told(key), Value: told(value)})
	}
	return tags
}

// told makes a value that the model wants even when the service had none.
func told(s string) *string { return proto.String(clean(s)) }

// iamARN reads the instance profile out of iam/info.
func iamARN(text string) string {
	var info struct {
		InstanceProfileArn string `json:"InstanceProfileArn"`
	}
	if json.Unmarshal([]byte(text), &info) != nil {
		return ""
	}
	return info.InstanceProfileArn
}

// ipv4 returns an IPv4 address as it is, anything else as nothing.
func ipv4(s string) string {
	if a, err := netip.ParseAddr(s); err != nil || !a.Is4() {
		return ""
	}
	return s
}

// ec2CloudInstance says the same in the words of all clouds. Tags, the one called Name included, stay out of it: they can
// be switched off by themselves.
func ec2CloudInstance(m *inventoryv1.EC2InstanceMetadata) *inventoryv1.CloudInstance {
	return &inventoryv1.CloudInstance{
		Provider: proto.String(cloudAWS), InstanceId: m.InstanceId, InstanceType: m.InstanceType, Region: m.Region,
		Zone: m.AvailabilityZone, AccountId: m.AccountId, ImageId: m.AmiId, Hostname: m.LocalHostname,
		PrivateIpv4: m.LocalIpv4, PublicIpv4: m.PublicIpv4, NetworkId: m.VpcId, SubnetId: m.SubnetId, LifeCycle: m.LifeCycle,
	}
}
