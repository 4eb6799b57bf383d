// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of a list's page.
const (
	defaultLimit = 100
	MaxLimit     = 1000
)

// maxParameter bounds a parameter's text, in bytes.
const maxParameter = 4096

// Query is the query of a request that holds no parameter but known ones, each at most once.
type Query struct {
	values url.Values
}

// maxListed bounds how often a parameter that is a list may be given.
const maxListed = 500

// ParseQuery reads the query. A parameter that is not among the known ones, or stands twice, is a 400 that names it.
func ParseQuery(r *http.Request, known ...string) (Query, error) { return ParseLists(r, nil, known...) }

// ParseLists is ParseQuery where some of the known parameters are lists, which may stand several times: see Query.Texts.
func ParseLists(r *http.Request, lists []string, known ...string) (Query, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return Query{}, Refuse(http.StatusBadRequest, "The query cannot be read: %v.", err)
	}
	for name, texts := range values {
		switch {
		case !slices.Contains(known, name):
			return Query{}, Refuse(http.StatusBadRequest, "Unknown parameter %q; %s.", name, choice(known))
		case len(texts) > 1 && !slices.Contains(lists, name):
			return Query{}, Refuse(http.StatusBadRequest, "%s: given more than once", name)
		case len(texts) > maxListed:
			return Query{}, Refuse(http.StatusBadRequest, "%s: given more than %d times", name, maxListed)
		case slices.ContainsFunc(texts, func(text string) bool { return len(text) > maxParameter || !plain(text) }):
			return Query{}, Refuse(http.StatusBadRequest, "%s: not valid text of at most %d bytes", name, maxParameter)
		}
	}
	return Query{values: values}, nil
}

func choice(known []string) string {
	if len(known) == 0 {
		return "there are none here"
	}
	return "there are " + strings.Join(known, ", ")
}

// Text returns a parameter's text, "" when it is not given.
func (q Query) Text(name string) string { return q.values.Get(name) }

// Texts returns the values of a parameter that is a list: those of each time that it is given, separated by commas. Empty
// ones are left out.
func (q Query) Texts(name string) []string {
	var texts []string
	for _, given := range q.values[name] {
		for text := range strings.SplitSeq(given, ",") {
			if text = strings.TrimSpace(text); text != "" {
				texts = append(texts, text)
			}
		}
	}
	return texts
}

// Time returns a moment written as RFC 3339 has it, the zero time when it is not given.
func (q Query) Time(name string) (time.Time, error) {
	text := q.Text(name)
	if text == "" {
		return time.Time{}, nil
	}
	// A plus sign of an offset that was not escaped has become a space.
	at, err := time.Parse(time.RFC3339Nano, strings.ReplaceAll(text, " ", "+"))
	if err != nil {
		return time.Time{}, Refuse(http.StatusBadRequest, "%s: write the moment like 2026-03-04T05:06:07Z", name)
	}
	return at, nil
}

// Limit returns the size of the page: the parameter limit, from 1 to MaxLimit.
func (q Query) Limit() (int, error) {
	text := q.Text("limit")
	if text == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > MaxLimit {
		return 0, Refuse(http.StatusBadRequest, "limit: a number from 1 to %d", MaxLimit)
	}
	return n, nil
}
