// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/auth"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/config"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	viewProbes   auth.Permission = "events.view_probe"
	addProbes    auth.Permission = "events.add_probe"
	changeProbes auth.Permission = "events.change_probe"
	deleteProbes auth.Permission = "events.delete_probe"
	viewSinks    auth.Permission = "events.view_sink"
	changeSinks  auth.Permission = "events.change_sink"
	deleteSinks  auth.Permission = "events.delete_sink"
)

// deliveryRoutes are the rows about where events go. What goes there is about every machine.
func (a *API) deliveryRoutes() []api.Route {
	return []api.Route{
		{Pattern: "GET /api/v1/probes", Needs: api.Needs(viewProbes), Handler: a.listProbes},
		{Pattern: "POST /api/v1/probes", Needs: api.Needs(addProbes), Handler: a.postProbe},
		{Pattern: "GET /api/v1/probes/{id}", Needs: api.Needs(viewProbes), Handler: a.getProbe},
		{Pattern: "PUT /api/v1/probes/{id}", Needs: api.Needs(changeProbes), Handler: a.putProbe},
		{Pattern: "DELETE /api/v1/probes/{id}", Needs: api.Needs(deleteProbes), Handler: a.deleteProbe},
		{Pattern: "POST /api/v1/probes/{id}/secret", Needs: api.Needs(changeProbes), Handler: a.postProbeSecret},
		{Pattern: "POST /api/v1/probes/{id}/test", Needs: api.Needs(changeProbes), Handler: a.postProbeTest},
		{Pattern: "GET /api/v1/sinks", Needs: api.Needs(viewSinks), Handler: a.listSinks},
		{Pattern: "DELETE /api/v1/sinks/{name}", Needs: api.Needs(deleteSinks), Handler: a.deleteSink},
		{Pattern: "POST /api/v1/sinks/{name}/enable", Needs: api.Needs(changeSinks), Handler: a.postSinkEnable},
		{Pattern: "GET /api/v1/dead_letters", Needs: api.Needs(viewSinks), Handler: a.listDeadLetters},
		{Pattern: "POST /api/v1/dead_letters/replay", Needs: api.Needs(changeSinks), Handler: a.postDeadLettersReplay},
		{Pattern: "POST /api/v1/dead_letters/{id}/replay", Needs: api.Needs(changeSinks), Handler: a.postDeadLetterReplay},
		{Pattern: "DELETE /api/v1/dead_letters/{id}", Needs: api.Needs(deleteSinks), Handler: a.deleteDeadLetter},
	}
}

// sink is how far a sink has come, as clients see it: no secret, and of an address only where it leads.
type sink struct {
	Name        string     `json:"name"`
	Kind        string     `json:"kind"`
	Target      string     `json:"target"`
	Wanted      bool       `json:"wanted"`
	Held        bool       `json:"held"`
	Delivered   int64      `json:"delivered"`
	Attempts    int64      `json:"attempts"`
	Failures    int64      `json:"failures"`
	LastError   string     `json:"last_error"`
	LagEntries  int        `json:"lag_entries"`
	LagSeconds  float64    `json:"lag_seconds"`
	DeadLetters int        `json:"dead_letters"`
	DisabledAt  *time.Time `json:"disabled_at"`
	MissedAt    *time.Time `json:"missed_at"`
	UpdatedAt   time.Time  `json:"updated_at"`
}

// listSinks lists all sinks at once: there are few.
func (a *API) listSinks(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	found, err := a.store.Sinks(r.Context())
	if err != nil {
		return err
	}
	targets, err := a.targets(r)
	if err != nil {
		return err
	}
	sinks := make([]sink, len(found))
	for i, s := range found {
		kind, _, _ := strings.Cut(s.Name, ".")
		target, wanted := targets[s.Name]
		sinks[i] = sink{
			Name: s.Name, Kind: kind, Target: target, Wanted: wanted, Held: s.Held, Delivered: s.Delivered, Attempts: s.Attempts,
			Failures: s.Failures, LastError: s.LastError, LagEntries: s.LagEntries, LagSeconds: s.LagSeconds, DeadLetters: s.DeadLetters,
			DisabledAt: s.DisabledAt, MissedAt: s.MissedAt, UpdatedAt: s.UpdatedAt.UTC(),
		}
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"sinks": sinks})
}

// targets says where the sinks lead that are wanted: those of the configuration and of enabled probes.
func (a *API) targets(r *http.Request) (map[string]string, error) {
	targets := map[string]string{}
	for _, s := range a.sinks {
		target := s.Path
		if s.Kind == config.WebhookSink {
			target = store.Origin(s.URL)
		}
		targets[s.Kind+"."+s.Name] = target
	}
	probes, err := a.store.EnabledProbes(r.Context())
	if err != nil {
		return nil, err
	}
	for i := range probes {
		targets[probes[i].SinkName()] = store.Origin(probes[i].URL)
	}
	return targets, nil
}

// namedSink is the name in the path; no sink is called by what is no text.
func namedSink(r *http.Request) (string, error) {
	if _, err := api.ParseQuery(r); err != nil {
		return "", err
	}
	name := r.PathValue("name")
	if !utf8.ValidString(name) || wrongWord(name) != "" {
		return "", store.ErrNotFound
	}
	return name, nil
}

// postSinkEnable lets a sink go on that is disabled.
func (a *API) postSinkEnable(w http.ResponseWriter, r *http.Request) error {
	name, err := namedSink(r)
	if err != nil {
		return err
	}
	if err := a.store.EnableSink(r.Context(), name); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// deleteSink forgets a sink that is configured nowhere any more, so that nothing waits for it.
func (a *API) deleteSink(w http.ResponseWriter, r *http.Request) error {
	name, err := namedSink(r)
	if err != nil {
		return err
	}
	if strings.HasPrefix(name, "probe.") {
		return api.Refuse(http.StatusConflict, "It goes with its probe: delete that.")
	}
	err = a.store.DeleteSink(r.Context(), name)
	if errors.Is(err, store.ErrInUse) {
		return api.Refuse(http.StatusConflict, "An aggregator delivers for it: take it out of the configuration first.")
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
