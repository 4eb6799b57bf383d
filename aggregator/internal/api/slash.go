// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"strings"
)

// mountSlashed mounts a path that ends in a slash: itself alone, not everything below it, and for those who forgot the
// slash where to find it.
func (d *Door) mountSlashed(mux *http.ServeMux, path string, h http.Handler) {
	mux.Handle(path+"{$}", h)
	mux.HandleFunc(strings.TrimSuffix(path, "/"), d.appendSlash)
}

// appendSlash sends readers on to the path with its slash. A body is not sent twice: other methods find nothing.
func (d *Door) appendSlash(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		d.refuse(w, r, Refuse(http.StatusNotFound, "Not found."))
		return
	}
	to := *r.URL
	to.Path += "/"
	if to.RawPath != "" {
		to.RawPath += "/"
	}
	http.Redirect(w, r, to.RequestURI(), http.StatusMovedPermanently)
}
