// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"cmp"
	"context"
	"slices"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
)

func init() {
	register(Collector{
		Name: "cloud_instance", Kinds: []string{"cloud_instance", "ec2_instance_metadata", "ec2_instance_tags"},
		On: []string{"linux", "windows"}, CollectFiles: collectCloudInstance,
	})
}

// collectCloudInstance asks the cloud that the machine is in. The firmware decides which one that is; where it speaks of
// none, nothing is asked. The kinds of EC2 are empty in other clouds.
func collectCloudInstance(ctx context.Context, h host.Host, memory *memo, snap *inventoryv1.Snapshot) error {
	switch readCloudFirmware(h).cloud() {
	case cloudAWS:
		return collectEC2(ctx, h, memory, snap)
	case cloudAzure:
		return collectAzure(ctx, h, snap)
	case cloudGCP:
		return collectGCP(ctx, h, snap)
	}
	return ErrAbsent
}

// cloudTags sorts tags by key.
func cloudTags(tags []*inventoryv1.CloudTag) []*inventoryv1.CloudTag {
	slices.SortFunc(tags, func(a, b *inventoryv1.CloudTag) int { return cmp.Compare(a.GetKey(), b.GetKey()) })
	return tags
}

// lastElement is what follows the last slash: clouds write projects/1/zones/europe-west1-b.
func lastElement(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}
