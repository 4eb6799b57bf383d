// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/api/drf"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	// maxSerial and maxTagName bound texts that become rows, in characters.
	maxSerial  = 256
	maxTagName = 256
)

// tagMachines are the permissions for changing tags of machines, all of them: tags and taxonomies may come into being.
var tagMachines = api.Needs("inventory.add_tag", "inventory.add_taxonomy", "inventory.add_machinetag", "inventory.delete_machinetag")

type taggedMachines struct {
	Machines struct {
		Found int64 `json:"found"`
	} `json:"machines"`
	Tags struct {
		Added   int64 `json:"added"`
		Removed int64 `json:"removed"`
	} `json:"tags"`
}

// postMachineTags changes the tags of many machines.
func (a *API) postMachineTags(w http.ResponseWriter, r *http.Request) error {
	body, err := drf.Decode(w, r)
	if err != nil {
		return err
	}
	wanted := readTagging(body)
	if err := body.Err(); err != nil {
		return err
	}
	if wanted.serials == nil {
		if wanted.serials, err = a.store.MachinesOfUsers(r.Context(), wanted.uniqueIDs, wanted.principalNames); err != nil {
			return err
		}
	}
	tagged, err := a.committer.TagMachines(r.Context(), wanted.serials, wanted.operations)
	if errors.Is(err, store.ErrSlugTaken) {
		return drf.FieldError("operations", slugTaken)
	}
	if err != nil {
		return err
	}
	var answer taggedMachines
	answer.Machines.Found, answer.Tags.Added, answer.Tags.Removed = tagged.Machines, tagged.Added, tagged.Removed
	return api.WriteJSON(w, http.StatusOK, answer)
}

// tagging is what a body asks for.
type tagging struct {
	serials                   []string // nil: by principal user
	uniqueIDs, principalNames []string
	operations                []store.TagOperation
}

// readTagging reads either form of the body, noting there what is wrong with it.
func readTagging(body *drf.Object) tagging {
	var t tagging
	if body.Given("tags") && !body.Given("operations") {
		t.operations = readTagMap(body)
	} else {
		t.operations = readOperations(body)
	}
	limitTags(body, t.operations)
	t.serials = body.Texts("serial_numbers", drf.List{Optional: true, NotEmpty: true, Item: drf.Text{Max: maxSerial}})
	switch {
	case isList(body.Raw("principal_users")): // as one of the documented examples has it
		serials := body.Texts("principal_users", drf.List{NotEmpty: true, Item: drf.Text{Max: maxSerial}})
		if t.serials == nil {
			t.serials = serials
		}
	default:
		t.uniqueIDs, t.principalNames = readPrincipalUsers(body)
	}
	if body.Err() == nil && !body.Given("serial_numbers") && !body.Given("principal_users") {
		body.FailTogether("principal_users and serial_numbers cannot be both empty.")
	}
	return t
}

// limitTags notes when the operations name too many tags.
func limitTags(body *drf.Object, operations []store.TagOperation) {
	named := 0
	for _, o := range operations {
		named += len(o.Names)
	}
	if named > store.MaxNamedTags && !body.Failed("operations") {
		body.Fail("operations", fmt.Sprintf("Ensure that all names together are no more than %d.", store.MaxNamedTags))
	}
}

func isList(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '[' }

func readPrincipalUsers(body *drf.Object) (uniqueIDs, principalNames []string) {
	users := body.Object("principal_users", true, false)
	if users == nil || !users.Whole() {
		return nil, nil
	}
	item := drf.List{Optional: true}
	uniqueIDs, principalNames = users.Texts("unique_ids", item), users.Texts("principal_names", item)
	if users.Err() == nil && len(uniqueIDs)+len(principalNames) == 0 {
		users.FailTogether("Unique ids and principal names cannot be both empty.")
	}
	return uniqueIDs, principalNames
}

func readOperations(body *drf.Object) []store.TagOperation {
	items := body.Objects("operations")
	operations := make([]store.TagOperation, 0, len(items))
	for _, item := range items {
		if item.Whole() {
			operations = append(operations, readOperation(item))
		}
	}
	return operations
}

func readOperation(item *drf.Object) store.TagOperation {
	kinds := []string{string(store.AddTags), string(store.RemoveTags), string(store.SetTags)}
	kind, _ := item.Text("kind", drf.Text{Choices: kinds})
	taxonomy, _ := item.Text("taxonomy", drf.Text{Optional: true, Nullable: true, Max: maxTagName})
	o := store.TagOperation{
		Kind: store.TagOperationKind(kind), Taxonomy: taxonomy,
		Names: item.Texts("names", drf.List{Item: drf.Text{Max: maxTagName}}),
	}
	if item.Err() != nil {
		return o
	}
	switch {
	case o.Kind == store.SetTags && taxonomy == "":
		item.Fail("taxonomy", "This field is required for SET operations")
	case o.Kind == store.RemoveTags && taxonomy != "":
		item.Fail("taxonomy", "This field may not be set for REMOVE operations")
	case o.Kind != store.SetTags && len(o.Names) == 0:
		item.Fail("names", "This list may not be empty for "+kind+" operations")
	}
	return o
}

// readTagMap reads the older form: each taxonomy with the one tag of it that machines are to have, null being none.
func readTagMap(body *drf.Object) []store.TagOperation {
	inside := body.Object("tags", false, false)
	if inside == nil || !inside.Whole() {
		return nil
	}
	var names map[string]any
	_ = json.Unmarshal(body.Raw("tags"), &names) // it is an object
	if len(names) > store.MaxNamedTags {
		body.Fail("tags", fmt.Sprintf("Ensure this field has no more than %d elements.", store.MaxNamedTags))
		return nil
	}
	operations := make([]store.TagOperation, 0, len(names))
	for _, taxonomy := range slices.Sorted(maps.Keys(names)) {
		name, has := inside.Text(taxonomy, drf.Text{Nullable: true, Max: maxTagName})
		o := store.TagOperation{Kind: store.SetTags, Taxonomy: strings.TrimSpace(taxonomy)}
		if has {
			o.Names = []string{name}
		}
		operations = append(operations, o)
		if problem := checkTaxonomy(taxonomy); problem != "" {
			inside.Fail(taxonomy, problem)
		}
	}
	if len(operations) == 0 {
		body.Fail("tags", "This dictionary may not be empty.")
	}
	return operations
}
