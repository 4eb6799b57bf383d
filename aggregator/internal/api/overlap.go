// SPDX-License-Identifier: Apache-2.0

package api

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// completed gives each path of a table also the methods of paths whose wildcards cover it: where there are both POST
// /machines/tags and GET /machines/{serial}, a machine may be called tags, but net/http asks the most specific path alone.
func completed(paths map[string]map[string]Route) map[string]map[string]Route {
	out := make(map[string]map[string]Route, len(paths))
	for path, methods := range paths {
		all := maps.Clone(methods)
		for _, by := range coverings(path, paths) {
			for method, route := range paths[by.path] {
				if _, ok := all[method]; !ok {
					all[method] = by.applied(route)
				}
			}
		}
		out[path] = all
	}
	return out
}

// covering is a path with wildcards that stand for segments of another one.
type covering struct {
	path   string
	values map[string]string // by wildcard
}

// coverings returns the paths that cover another one, the most specific first.
func coverings(path string, paths map[string]map[string]Route) []covering {
	var found []covering
	for _, other := range slices.Sorted(maps.Keys(paths)) {
		if values := covers(other, path); other != path && values != nil {
			found = append(found, covering{other, values})
		}
	}
	slices.SortStableFunc(found, func(a, b covering) int { return len(a.values) - len(b.values) })
	return found
}

// covers returns what the wildcards of a path stand for in another one, which has none there; nil when they do not.
func covers(general, path string) map[string]string {
	wild, plain := strings.Split(general, "/"), strings.Split(path, "/")
	if len(wild) != len(plain) {
		return nil
	}
	values := map[string]string{}
	for i, segment := range wild {
		name, isWild := strings.CutPrefix(segment, "{")
		switch {
		case segment == plain[i]:
		case !isWild || strings.HasPrefix(plain[i], "{") || plain[i] == "":
			return nil
		default:
			values[strings.TrimSuffix(name, "}")] = plain[i]
		}
	}
	return values
}

// applied returns the route of the covering path for the one that it covers.
func (c covering) applied(route Route) Route {
	handler := route.Handler
	route.Handler = func(w http.ResponseWriter, r *http.Request) error {
		for name, value := range c.values {
			r.SetPathValue(name, value)
		}
		return handler(w, r)
	}
	return route
}
