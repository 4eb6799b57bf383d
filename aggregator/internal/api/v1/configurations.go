// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// maxConfigurationBytes bounds the body of a configuration; the fields have their own limits.
const maxConfigurationBytes = 64 << 10

// configuration is a collection configuration as clients see it.
type configuration struct {
	ID              int64                       `json:"id"`
	Name            string                      `json:"name"`
	Version         int64                       `json:"version"`
	IntervalSeconds *int                        `json:"interval_seconds"`
	Collectors      map[string]collectorSetting `json:"collectors"`
	EC2Metadata     bool                        `json:"ec2_metadata"`
	EC2Tags         bool                        `json:"ec2_tags"`
	FactKeys        *[]string                   `json:"fact_keys"`
	Enrollments     []string                    `json:"enrollments"`
	CreatedAt       time.Time                   `json:"created_at"`
	UpdatedAt       time.Time                   `json:"updated_at"`
}

// collectorSetting is what a configuration says about one collector. What it leaves out is as without configuration.
type collectorSetting struct {
	Enabled         *bool `json:"enabled,omitempty"`
	DeadlineSeconds *int  `json:"deadline_seconds,omitempty"`
}

// newConfiguration is what a client says about a configuration.
type newConfiguration struct {
	Name            string                      `json:"name"`
	IntervalSeconds *int                        `json:"interval_seconds"`
	Collectors      map[string]collectorSetting `json:"collectors"`
	EC2Metadata     *bool                       `json:"ec2_metadata"`
	EC2Tags         *bool                       `json:"ec2_tags"`
	FactKeys        *[]string                   `json:"fact_keys"`
}

type configurationList struct {
	Configurations []configuration `json:"configurations"`
	NextCursor     *string         `json:"next_cursor"`
}

func configurationOf(c store.Configuration) configuration {
	out := configuration{
		ID: c.ID, Name: c.Name, Version: c.Version, Collectors: map[string]collectorSetting{},
		EC2Metadata: c.EC2Metadata, EC2Tags: c.EC2Tags, Enrollments: append([]string{}, c.Enrollments...),
		CreatedAt: c.CreatedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC(),
	}
	if c.IntervalSeconds > 0 {
		out.IntervalSeconds = &c.IntervalSeconds
	}
	if c.FactKeys != nil {
		out.FactKeys = &c.FactKeys
	}
	for name, setting := range c.Collectors {
		one := collectorSetting{Enabled: &setting.Enabled}
		if setting.DeadlineSeconds > 0 {
			one.DeadlineSeconds = &setting.DeadlineSeconds
		}
		out.Collectors[name] = one
	}
	return out
}

// decodeConfiguration reads and checks the body of a request.
func decodeConfiguration(w http.ResponseWriter, r *http.Request) (store.Configuration, error) {
	var body newConfiguration
	if _, err := api.ParseQuery(r); err != nil {
		return store.Configuration{}, err
	}
	if err := api.DecodeJSON(w, r, maxConfigurationBytes, &body); err != nil {
		return store.Configuration{}, err
	}
	body.Name = strings.TrimSpace(body.Name)
	if problems := body.problems(); len(problems) > 0 {
		return store.Configuration{}, problems
	}
	c := store.Configuration{
		Name: body.Name, Collectors: map[string]store.CollectorSetting{},
		EC2Metadata: body.EC2Metadata == nil || *body.EC2Metadata, EC2Tags: body.EC2Tags == nil || *body.EC2Tags,
	}
	if body.IntervalSeconds != nil {
		c.IntervalSeconds = *body.IntervalSeconds
	}
	if body.FactKeys != nil {
		c.FactKeys = append([]string{}, *body.FactKeys...)
	}
	for name, setting := range body.Collectors {
		one := store.CollectorSetting{Enabled: setting.Enabled == nil || *setting.Enabled}
		if setting.DeadlineSeconds != nil {
			one.DeadlineSeconds = *setting.DeadlineSeconds
		}
		c.Collectors[name] = one
	}
	return c, nil
}

// postConfiguration stores a configuration. Agents get it with their next check-in.
func (a *API) postConfiguration(w http.ResponseWriter, r *http.Request) error {
	c, err := decodeConfiguration(w, r)
	if err != nil {
		return err
	}
	created, err := a.store.CreateConfiguration(r.Context(), c)
	if err != nil {
		return err
	}
	a.reconfigured(r.Context())
	w.Header().Set("Location", fmt.Sprintf("/api/v1/configurations/%d", created.ID))
	return api.WriteJSON(w, http.StatusCreated, configurationOf(created))
}

// putConfiguration replaces a configuration as a whole: what the body leaves out is as in a new one.
func (a *API) putConfiguration(w http.ResponseWriter, r *http.Request) error {
	c, err := decodeConfiguration(w, r)
	if err != nil {
		return err
	}
	if c.ID, err = configurationID(r); err != nil {
		return err
	}
	stored, err := a.store.PutConfiguration(r.Context(), c)
	if err != nil {
		return err
	}
	a.reconfigured(r.Context())
	return api.WriteJSON(w, http.StatusOK, configurationOf(stored))
}

func (a *API) deleteConfiguration(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	id, err := configurationID(r)
	if err != nil {
		return err
	}
	if err := a.store.DeleteConfiguration(r.Context(), id); err != nil {
		return err
	}
	a.reconfigured(r.Context())
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) getConfiguration(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	id, err := configurationID(r)
	if err != nil {
		return err
	}
	c, err := a.store.Configuration(r.Context(), id)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, configurationOf(c))
}

func (a *API) listConfigurations(w http.ResponseWriter, r *http.Request) error {
	list := a.list("configurations")
	var after int64
	limit, err := readPage(r, list, &after)
	if err != nil {
		return err
	}
	found, err := a.store.ListConfigurations(r.Context(), after, limit)
	if err != nil {
		return err
	}
	answer := configurationList{Configurations: []configuration{}}
	for _, c := range found {
		answer.Configurations = append(answer.Configurations, configurationOf(c))
	}
	answer.NextCursor = nextCursor(list, len(found), limit, func() any { return found[len(found)-1].ID })
	return api.WriteJSON(w, http.StatusOK, answer)
}

// configurationID returns the id of the path.
func configurationID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		return 0, fmt.Errorf("configuration %q: %w", r.PathValue("id"), store.ErrNotFound)
	}
	return id, nil
}

// reconfigured lets agents that come to this aggregator have what was changed at once; others hear of it in seconds.
func (a *API) reconfigured(ctx context.Context) {
	if a.onConfiguration == nil {
		return
	}
	if err := a.onConfiguration(context.WithoutCancel(ctx)); err != nil {
		a.log.Warn("configurations not read again", "err", err)
	}
}
