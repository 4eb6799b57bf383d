// SPDX-License-Identifier: Apache-2.0

package drf

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

// Resource is one sort of object with the views that the contracts give it: a list and a create on one path, the object
// on another, whose pattern calls its id {pk}. Its methods but One are handlers; it is safe for concurrent use when its
// functions are. T is the object as the store has it.
//
// The functions return the store's errors as they are: the views word store.ErrNotFound, store.ErrInUse and
// *store.FieldError. A *api.Problem, as Object.Err is one, is passed on.
type Resource[T any] struct {
	App, Model string // "inventory", "tag": who changes one needs inventory.change_tag
	Object     string // "JMESPathCheck": No JMESPathCheck matches …
	Label      string // "JMESPath check": JMESPath check with this name …

	List   func(*http.Request) ([]T, error) // ByName, or with a filter of its own
	Get    func(context.Context, int64) (T, error)
	Create func(context.Context, *Object) (T, error)
	Update func(context.Context, int64, *Object) (T, error) // returns the object as it is then
	Remove func(context.Context, int64) error
	Show   func(*http.Request, *T) any // as clients see it

	// Refuse notes in the body why the store does not take it, where the views cannot word that: they know names that
	// exist already, and ids that name nothing in a field of the body itself. It may be nil, and may note nothing.
	Refuse func(*store.FieldError, *Object)

	// What OPTIONS tells; nothing else needs them.
	View   string // "JMES Path Check": JMES Path Check List
	Fields Fields
}

// ByName lists what has exactly the name of ?name=, and everything without one; of several names the last one counts.
// list is asked with "" for everything.
func ByName[T any](list func(ctx context.Context, name string) ([]T, error)) func(*http.Request) ([]T, error) {
	return func(req *http.Request) ([]T, error) {
		var name string
		if names := req.URL.Query()["name"]; len(names) > 0 {
			name = names[len(names)-1]
		}
		switch {
		case strings.ContainsRune(name, 0):
			return nil, FieldError("name", "Null characters are not allowed.")
		case !utf8.ValidString(name): // nothing is called that
			return nil, nil
		}
		return list(req.Context(), name)
	}
}

// GetList answers with a bare list. Parameters that List does not read are ignored.
func (r Resource[T]) GetList(w http.ResponseWriter, req *http.Request) error {
	found, err := r.List(req)
	if err != nil {
		return err
	}
	shown := make([]any, len(found))
	for i := range found {
		shown[i] = r.Show(req, &found[i])
	}
	return api.WriteJSON(w, http.StatusOK, shown)
}

// Post creates an object.
func (r Resource[T]) Post(w http.ResponseWriter, req *http.Request) error {
	body, err := Decode(w, req)
	if err != nil {
		return err
	}
	created, err := r.Create(req.Context(), body)
	if err != nil {
		return r.refusal(err, body)
	}
	return api.WriteJSON(w, http.StatusCreated, r.Show(req, &created))
}

// GetOne answers with the object of the path.
func (r Resource[T]) GetOne(w http.ResponseWriter, req *http.Request) error {
	one, _, err := r.One(req)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, r.Show(req, &one))
}

// Put changes the object of the path.
func (r Resource[T]) Put(w http.ResponseWriter, req *http.Request) error {
	_, id, err := r.One(req) // before anything is said about the body
	if err != nil {
		return err
	}
	body, err := Decode(w, req)
	if err != nil {
		return err
	}
	updated, err := r.Update(req.Context(), id, body)
	if err != nil {
		return r.refusal(err, body)
	}
	return api.WriteJSON(w, http.StatusOK, r.Show(req, &updated))
}

// Delete deletes the object of the path, unless others refer to it.
func (r Resource[T]) Delete(w http.ResponseWriter, req *http.Request) error {
	id, err := r.id(req)
	if err != nil {
		return err
	}
	err = r.Remove(req.Context(), id)
	switch {
	case errors.Is(err, store.ErrInUse):
		return Invalid("This " + r.Label + " cannot be deleted")
	case errors.Is(err, store.ErrNotFound):
		return NoMatch(r.Object)
	case err != nil:
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// One returns the object that the path names, and its id; a 404 where there is none.
func (r Resource[T]) One(req *http.Request) (T, int64, error) {
	var none T
	id, err := r.id(req)
	if err != nil {
		return none, 0, err
	}
	one, err := r.Get(req.Context(), id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return none, 0, NoMatch(r.Object)
	case err != nil:
		return none, 0, err
	}
	return one, id, nil
}

// id reads the path: what is no number names no view, and a number that is too large no object.
func (r Resource[T]) id(req *http.Request) (int64, error) {
	text := req.PathValue("pk")
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, NotFound()
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, NoMatch(r.Object)
	}
	return id, nil
}

// refusal words why the store did not take a body.
func (r Resource[T]) refusal(err error, body *Object) error {
	if errors.Is(err, store.ErrNotFound) { // deleted since the path was looked at
		return NoMatch(r.Object)
	}
	refused, ok := errors.AsType[*store.FieldError](err)
	if !ok {
		return err
	}
	if errors.Is(refused, store.ErrExists) {
		return FieldError(refused.Field, fmt.Sprintf("%s with this %s already exists.", r.Label, refused.Field))
	}
	if r.Refuse != nil {
		r.Refuse(refused, body)
	}
	if noted := body.Err(); noted != nil {
		return noted
	}
	if errors.Is(refused, store.ErrNoSuch) {
		id, _ := body.ID(refused.Field, true, true)
		return FieldError(refused.Field, NoObject(id))
	}
	return err
}
