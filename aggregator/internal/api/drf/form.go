// SPDX-License-Identifier: Apache-2.0

package drf

import (
	"mime"
	"net/http"
	"net/url"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
)

// maxFormFields bounds the fields of a form.
const maxFormFields = 1000

// DecodeForm is Decode for the few routes that also take forms, urlencoded or multipart. Of a field that comes several
// times the last value counts; an empty value is none. Files are not taken.
func DecodeForm(w http.ResponseWriter, r *http.Request) (*Object, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return Decode(w, r)
	}
	var values url.Values
	switch media {
	case "application/x-www-form-urlencoded":
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		err = r.ParseForm()
		values = r.PostForm
	case "multipart/form-data":
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err = r.ParseMultipartForm(maxBody); err == nil {
			values = r.MultipartForm.Value
			_ = r.MultipartForm.RemoveAll() // nothing was large enough to be in a file
		}
	default:
		return Decode(w, r)
	}
	if err != nil {
		return nil, api.Refuse(http.StatusBadRequest, "Multipart form parse error - the form cannot be read")
	}
	if len(values) > maxFormFields {
		return nil, api.Refuse(http.StatusBadRequest, "The number of fields exceeds %d.", maxFormFields)
	}
	return objectOfForm(values), nil
}

func objectOfForm(values url.Values) *Object {
	o := &Object{values: map[string]any{}}
	for field, given := range values {
		if n := len(given); n > 0 && given[n-1] != "" {
			o.values[field] = given[n-1]
		}
	}
	return o
}
