// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"testing"
	"testing/fstest"
	"time"

	"google.golang.org/protobuf/proto"

	inventoryv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/inventory/v1"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
	"github.com/rollcall-inventory/rollcall/proto/snapshot"

	"github.com/rollcall-inventory/rollcall/agent/internal/host"
	"github.com/rollcall-inventory/rollcall/agent/internal/host/hosttest"
)

func TestARunSaysWhatItCameToAndCost(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{"etc/small": {Data: make([]byte, 100)}, "etc/large": {Data: make([]byte, 3000)}}
	reads := func(_ context.Context, h host.Host, s *inventoryv1.Snapshot) error {
		if _, err := fs.ReadFile(h.FS(), "etc/small"); err != nil {
			return err
		}
		if _, err := host.ReadFile(h.FS(), "etc/large", 4000); err != nil {
			return err
		}
		s.Disks = []*inventoryv1.Disk{{}, {}}
		return nil
	}
	end := make(chan struct{})
	defer close(end)
	slow := func(context.Context, host.Host, *inventoryv1.Snapshot) error {
		<-end // it does not even obey
		return nil
	}
	r := runAll(context.Background(), &hosttest.Machine{Files: tree}, of(
		Collector{Name: "disks", Collect: reads},
		Collector{Name: "bios", Collect: does(ErrAbsent, nil)},
		Collector{Name: "users", Collect: does(&unreadable{paths: []string{"/x"}}, func(s *inventoryv1.Snapshot) { s.Users = []*inventoryv1.User{{}} })},
		Collector{Name: "routes", Collect: does(errors.New("torn"), func(s *inventoryv1.Snapshot) { s.Routes = []*inventoryv1.Route{{}} })},
		Collector{Name: "shares", Collect: does(nil, nil)},
		Collector{Name: "services", Collect: slow},
	), Options{Disabled: []string{"shares"}, Deadlines: map[string]time.Duration{"services": time.Millisecond}})
	want := []struct {
		name        string
		state       syncv1.CollectorState
		items, read int
	}{
		{"bios", syncv1.CollectorState_COLLECTOR_STATE_ABSENT, 0, 0},
		{"disks", syncv1.CollectorState_COLLECTOR_STATE_COLLECTED, 2, 3100},
		{"routes", syncv1.CollectorState_COLLECTOR_STATE_FAILED, 0, 0},
		{"services", syncv1.CollectorState_COLLECTOR_STATE_FAILED, 0, 0},
		{"shares", syncv1.CollectorState_COLLECTOR_STATE_DISABLED, 0, 0},
		{"users", syncv1.CollectorState_COLLECTOR_STATE_PARTIAL, 1, 0},
	}
	if len(r.Runs) != len(want) {
		t.Fatalf("got %v", r.Runs)
	}
	for i, w := range want {
		if got := r.Runs[i]; got.GetCollector() != w.name || got.GetState() != w.state || int(got.GetItems()) != w.items || int(got.GetBytesRead()) != w.read {
			t.Errorf("got %v, want %+v", got, w)
		}
	}
	if r.Sections["services"] != Keep || r.Sections["disks"] != Set {
		t.Errorf("a slow collector costs its own section alone: got %v", r.Sections)
	}
}

func TestAKindOfACollectorCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	both := Collector{
		Name: "ec2_instance_metadata", Kinds: []string{"ec2_instance_metadata", "ec2_instance_tags"},
		Collect: does(nil, func(s *inventoryv1.Snapshot) {
			s.Ec2InstanceMetadata = &inventoryv1.EC2InstanceMetadata{InstanceId: proto.String("i-1")}
			s.Ec2InstanceTags = []*inventoryv1.EC2InstanceTag{{Key: proto.String("k")}}
		}),
	}
	r := runAll(context.Background(), &hosttest.Machine{}, of(both), Options{Disabled: []string{"ec2_instance_tags", "unknown"}})
	if r.Sections["ec2_instance_tags"] != Drop || r.Sections["ec2_instance_metadata"] != Set || r.Snapshot.Ec2InstanceTags != nil ||
		r.Snapshot.GetEc2InstanceMetadata().GetInstanceId() != "i-1" {
		t.Errorf("got %v, %v", r.Sections, r.Snapshot)
	}
}

func TestOnlyAllowedFactsCount(t *testing.T) {
	t.Parallel()
	const facts = `{"rack":{"note":"a<b","row":3},"site":"x"}`
	tests := []struct {
		name string
		keys []string
		want string
	}{
		{"no list", nil, facts},
		{"one", []string{"rack", "other"}, `{"rack":{"note":"a<b","row":3}}`},
		{"none of them", []string{"other"}, ""},
		{"none allowed", []string{}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			own := proto.String(facts) // as a cache shares it
			r := runAll(context.Background(), &hosttest.Machine{}, of(Collector{Name: "extra_facts", Collect: does(nil, func(s *inventoryv1.Snapshot) {
				s.ExtraFacts = own
			})}), Options{FactKeys: tt.keys})
			sections, err := snapshot.Split(r.Snapshot)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if s := sections["extra_facts"]; s != nil {
				got = string(s.Assets[0].Body)
			}
			if got != tt.want || (got == "") != (r.Sections["extra_facts"] == Drop) || *own != facts {
				t.Errorf("got %s and %s, want %s", got, r.Sections["extra_facts"], tt.want)
			}
		})
	}
}

func TestACountedFileCanDoWhatItCould(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/f", []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("f", dir+"/l"); err != nil {
		t.Fatal(err)
	}
	c := counting(&hosttest.Machine{Files: os.DirFS(dir)})
	f, err := c.FS().Open("f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.(io.ReaderAt).ReadAt(make([]byte, 4), 2); err != nil {
		t.Error(err)
	}
	if _, err := f.(io.Seeker).Seek(8, io.SeekStart); err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(f); err != nil || string(rest) != "89" {
		t.Errorf("got %q, %v", rest, err)
	}
	if to, err := fs.ReadLink(c.FS(), "l"); err != nil || to != "f" {
		t.Errorf("got %q, %v", to, err)
	}
	if names, err := fs.ReadDir(c.FS(), "."); err != nil || len(names) != 2 {
		t.Errorf("got %v, %v", names, err)
	}
	folder, err := c.FS().Open(".")
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if names, err := folder.(fs.ReadDirFile).ReadDir(-1); err != nil || len(names) != 2 {
		t.Errorf("got %v, %v", names, err)
	}
	if got := c.tree.bytes.Load(); got != 6 {
		t.Errorf("got %d bytes, want 6", got)
	}
}

func TestCollectorsAreNamedLikeAKind(t *testing.T) {
	t.Parallel()
	for system, registry := range registries {
		for name := range registry {
			if _, known := snapshot.KindOf(name); !known {
				t.Errorf("%s: %s is no kind: the aggregator lets nobody configure it", system, name)
			}
		}
	}
}
