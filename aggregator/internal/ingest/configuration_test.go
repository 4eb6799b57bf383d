// SPDX-License-Identifier: Apache-2.0

//go:build unix

package ingest_test

import (
	"slices"
	"testing"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
	syncv1 "github.com/rollcall-inventory/rollcall/proto/gen/rollcall/sync/v1"
)

// configured checks in with a version and returns the configuration of the answer.
func (a *agent) configured(version uint64) *syncv1.Configuration {
	a.t.Helper()
	request := a.checkInRequest(false)
	request.ConfigurationVersion = version
	return must(a.client.CheckIn(a.ctx(), request))(a.t).GetConfiguration()
}

func TestAConfigurationIsDeliveredUntilTheAgentHasIt(t *testing.T) {
	eachDoor(t, func(t *testing.T, w *world, c client) {
		reconfigure := func() {
			t.Helper()
			if err := w.aggregators[0].service.Reconfigure(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		a := enrolled(t, c, "M-1")
		w.aggregators[0].service.Forget()
		if got := a.configured(7); got != nil {
			t.Errorf("nothing was read yet: got %v, want no word", got)
		}
		reconfigure()
		if got := a.configured(7); got == nil || got.GetVersion() != 0 {
			t.Errorf("there is none: got %v, want the version 0", got)
		}
		if got := a.configured(0); got != nil {
			t.Errorf("got %v, want nothing", got)
		}
		stored := must(w.CreateConfiguration(t.Context(), store.Configuration{
			Name: store.DefaultConfiguration, IntervalSeconds: 3600, EC2Metadata: true, FactKeys: []string{},
			Collectors: map[string]store.CollectorSetting{"users": {}, "routes": {Enabled: true, DeadlineSeconds: 5}},
		}))(t)
		reconfigure()
		got := a.configured(0)
		if got.GetVersion() != uint64(stored.Version) || !slices.Equal(got.GetDisabledCollectors(), []string{"ec2_instance_tags", "users"}) ||
			got.GetIntervalSeconds() != 3600 || got.GetFactKeys() == nil || len(got.GetFactKeys().GetKeys()) != 0 ||
			len(got.GetDeadlines()) != 1 || got.GetDeadlines()[0].GetSeconds() != 5 {
			t.Errorf("got %v", got)
		}
		if got := a.configured(uint64(stored.Version)); got != nil {
			t.Errorf("the agent has it: got %v", got)
		}
		push := must(a.client.PushDelta(a.ctx(), a.deltaRequest("disks", `{"name":"sdb"}`)))(t)
		if push.GetConfigurationVersion() != uint64(stored.Version) || push.GetIntervalSeconds() < 3000 {
			t.Errorf("got %v, want version %d and an interval of about an hour", push, stored.Version)
		}
	})
}

func TestAnEnrolmentHasAConfigurationOfItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	c := dialGRPC(t, w.aggregators[0].grpc)
	own := must(w.CreateConfiguration(t.Context(), store.Configuration{Name: "own", EC2Tags: true}))(t)
	standard := must(w.CreateConfiguration(t.Context(), store.Configuration{Name: store.DefaultConfiguration, EC2Metadata: true, EC2Tags: true}))(t)
	w.enrollment(store.NewEnrollment{Name: "own", SecretDigest: auth.DigestOf("own secret"), Configuration: "own"})
	service := w.aggregators[0].service
	if err := service.Reconfigure(t.Context()); err != nil {
		t.Fatal(err)
	}
	a, b := newAgent(t, c, "M-1"), newAgent(t, c, "M-2")
	answer := must(c.Enroll(a.ctx(), a.enrollRequest("own secret")))(t)
	if got := answer.GetConfiguration(); got.GetVersion() != uint64(own.Version) ||
		!slices.Equal(got.GetDisabledCollectors(), []string{"cloud_instance", "ec2_instance_metadata", "ec2_instance_tags"}) {
		t.Errorf("at the enrolment: got %v", got)
	}
	a.credential = answer.GetCredential()
	b.enroll(secret)
	a.pushAll(false)
	b.pushAll(false)
	if got := b.configured(0).GetVersion(); got != uint64(standard.Version) {
		t.Errorf("the default: got version %d, want %d", got, standard.Version)
	}
	if err := w.Configure(t.Context(), "own", ""); err != nil {
		t.Fatal(err)
	}
	if err := service.Reconfigure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := a.configured(uint64(own.Version)).GetVersion(); got != uint64(standard.Version) {
		t.Errorf("moved to the default: got version %d, want %d", got, standard.Version)
	}
}

func TestAnAggregatorThatHeardOfAChangeLaterTakesNothingBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	a := enrolled(t, dialGRPC(t, w.aggregators[1].grpc), "M-1")
	tags := must(w.CreateConfiguration(t.Context(), store.Configuration{Name: store.DefaultConfiguration, EC2Metadata: true, EC2Tags: true}))(t)
	for _, each := range w.aggregators {
		if err := each.service.Reconfigure(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	tags.EC2Tags = false
	none := must(w.PutConfiguration(t.Context(), tags))(t) // the second aggregator has not heard of it
	if got := a.configured(uint64(none.Version)); got != nil {
		t.Errorf("the agent has the newest: got version %d, want nothing", got.GetVersion())
	}
	if got := a.configured(uint64(none.Version) + 100); got.GetVersion() != uint64(none.Version) {
		t.Errorf("a version that the database lost: got %v, want %d", got, none.Version)
	}
}

func TestAHealthOfMoreCollectorsThanThereAreIsNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	a := enrolled(t, dialGRPC(t, w.aggregators[0].grpc), "M-1")
	for _, tt := range []struct{ runs, want int }{{3, 3}, {5000, 3}} {
		request := a.checkInRequest(false)
		request.Health = &syncv1.Health{Runs: make([]*syncv1.CollectorRun, tt.runs)}
		for i := range request.Health.Runs {
			request.Health.Runs[i] = &syncv1.CollectorRun{}
		}
		must(a.client.CheckIn(a.ctx(), request))(t)
		var got int
		const runs = `SELECT coalesce(json_array_length(body->'runs'), 0) FROM agent_health`
		if err := w.aggregators[0].pool.QueryRow(t.Context(), runs).Scan(&got); err != nil || got != tt.want {
			t.Errorf("%d runs: %d are kept, %v, want %d", tt.runs, got, err, tt.want)
		}
	}
}
