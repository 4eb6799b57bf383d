// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/rollcall-inventory/rollcall/aggregator/internal/api"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/compliance"
	"github.com/rollcall-inventory/rollcall/aggregator/internal/store"
)

const (
	// maxMassBody bounds the body of a mass operation, in bytes: some hundred thousand serial numbers.
	maxMassBody = 10 << 20
	// maxMassSerials is how many machines one request archives or prunes. Tagging takes as many as the body holds.
	maxMassSerials = 1000
	// maxMassOperations is how many operations one request has.
	maxMassOperations = 1000
	// maxMassText bounds serial numbers and the names of tags and taxonomies, in characters.
	maxMassText = 256
)

// tagMachines are the permissions for changing tags of machines, all of them: tags and taxonomies may come into being.
var tagMachines = api.Needs("inventory.add_tag", "inventory.add_taxonomy", "inventory.add_machinetag", "inventory.delete_machinetag")

type machineTagging struct {
	SerialNumbers  []string       `json:"serial_numbers"`
	PrincipalUsers *principals    `json:"principal_users"`
	Operations     []tagOperation `json:"operations"`
}

type principals struct {
	UniqueIDs      []string `json:"unique_ids"`
	PrincipalNames []string `json:"principal_names"`
}

type tagOperation struct {
	Kind     string   `json:"kind"`
	Taxonomy string   `json:"taxonomy"`
	Names    []string `json:"names"`
}

type taggedMachines struct {
	Machines foundMachines `json:"machines"`
	Tags     changedTags   `json:"tags"`
}

type foundMachines struct {
	Found int64 `json:"found"`
}

type changedTags struct {
	Added   int64 `json:"added"`
	Removed int64 `json:"removed"`
}

// postMachineTags changes the tags of many machines.
func (a *API) postMachineTags(w http.ResponseWriter, r *http.Request) error {
	if _, err := api.ParseQuery(r); err != nil {
		return err
	}
	var body machineTagging
	if err := api.DecodeJSON(w, r, maxMassBody, &body); err != nil {
		return err
	}
	operations, err := body.check()
	if err != nil {
		return err
	}
	serials := body.SerialNumbers
	if users := body.PrincipalUsers; users != nil {
		if serials, err = a.store.MachinesOfUsers(r.Context(), users.UniqueIDs, users.PrincipalNames); err != nil {
			return err
		}
	}
	tagged, err := a.committer.TagMachines(r.Context(), serials, operations)
	if errors.Is(err, store.ErrSlugTaken) {
		return compliance.FieldErrors{"operations": {"A tag with a conflicting slug already exists."}}
	}
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, taggedMachines{
		foundMachines{tagged.Machines}, changedTags{tagged.Added, tagged.Removed},
	})
}

// check returns the operations, or everything that is wrong with the body.
func (b *machineTagging) check() ([]store.TagOperation, error) {
	problems := compliance.FieldErrors{}
	switch {
	case (b.SerialNumbers == nil) == (b.PrincipalUsers == nil):
		problems["serial_numbers"] = []string{"Either serial_numbers or principal_users is needed."}
	case b.PrincipalUsers == nil:
		checkSerials(problems, b.SerialNumbers, 0)
	case len(b.PrincipalUsers.UniqueIDs)+len(b.PrincipalUsers.PrincipalNames) == 0:
		problems["principal_users"] = []string{"unique_ids or principal_names are needed."}
	default:
		checkTexts(problems, "principal_users.unique_ids", b.PrincipalUsers.UniqueIDs)
		checkTexts(problems, "principal_users.principal_names", b.PrincipalUsers.PrincipalNames)
	}
	operations := b.operations(problems)
	if len(problems) > 0 {
		return nil, problems
	}
	return operations, nil
}

// operations returns those of the body, and notes what is wrong with them.
func (b *machineTagging) operations(problems compliance.FieldErrors) []store.TagOperation {
	const field = "operations"
	if n := len(b.Operations); n == 0 || n > maxMassOperations {
		problems[field] = []string{fmt.Sprintf("Between 1 and %d are needed.", maxMassOperations)}
		return nil
	}
	operations := make([]store.TagOperation, len(b.Operations))
	named := 0
	for i, o := range b.Operations {
		o.check(problems, fmt.Sprintf("%s[%d]", field, i))
		operations[i] = store.TagOperation{Kind: store.TagOperationKind(o.Kind), Taxonomy: o.Taxonomy, Names: o.Names}
		named += len(o.Names)
	}
	if named > store.MaxNamedTags {
		problems[field] = []string{fmt.Sprintf("They name more than %d tags.", store.MaxNamedTags)}
	}
	return operations
}

func (o *tagOperation) check(problems compliance.FieldErrors, where string) {
	kind := store.TagOperationKind(o.Kind)
	switch kind {
	case store.SetTags, store.AddTags, store.RemoveTags:
	default:
		problems[where+".kind"] = []string{"One of SET, ADD and REMOVE."}
		return
	}
	switch {
	case kind == store.SetTags && o.Taxonomy == "":
		problems[where+".taxonomy"] = []string{"SET needs a taxonomy."}
	case kind == store.RemoveTags && o.Taxonomy != "":
		problems[where+".taxonomy"] = []string{"REMOVE takes no taxonomy: it removes tags by their names."}
	case o.Taxonomy != "":
		checkTexts(problems, where+".taxonomy", []string{o.Taxonomy})
	}
	if kind != store.SetTags && len(o.Names) == 0 {
		problems[where+".names"] = []string{"At least one is needed."}
	}
	checkTexts(problems, where+".names", o.Names)
}

// checkTexts notes the first text that cannot be a name or serial number.
func checkTexts(problems compliance.FieldErrors, where string, texts []string) {
	for i, text := range texts {
		switch {
		case strings.TrimSpace(text) != text || text == "":
			problems[where] = []string{fmt.Sprintf("Number %d is empty, or has space around it.", i+1)}
		case strings.ContainsRune(text, 0):
			problems[where] = []string{fmt.Sprintf("Number %d has a null character.", i+1)}
		case utf8.RuneCountInString(text) > maxMassText:
			problems[where] = []string{fmt.Sprintf("Number %d has more than %d characters.", i+1, maxMassText)}
		default:
			continue
		}
		return
	}
}

// checkSerials notes what is wrong with a list of serial numbers; limit 0 is none.
func checkSerials(problems compliance.FieldErrors, serials []string, limit int) {
	const field = "serial_numbers"
	switch {
	case len(serials) == 0:
		problems[field] = []string{"At least one is needed."}
	case limit > 0 && len(serials) > limit:
		problems[field] = []string{fmt.Sprintf("At most %d at a time.", limit)}
	default:
		checkTexts(problems, field, serials)
	}
}

// postArchive takes machines out of sight until they report again.
func (a *API) postArchive(w http.ResponseWriter, r *http.Request) error {
	serials, err := readSerials(w, r)
	if err != nil {
		return err
	}
	n, err := a.store.Archive(r.Context(), serials)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, struct {
		CurrentMachineSnapshots int `json:"current_machine_snapshots"`
	}{n})
}

// postPrune deletes the snapshots of machines, and their history.
func (a *API) postPrune(w http.ResponseWriter, r *http.Request) error {
	serials, err := readSerials(w, r)
	if err != nil {
		return err
	}
	pruned, err := a.store.Prune(r.Context(), serials)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, pruned)
}

// readSerials reads the body of postArchive and postPrune.
func readSerials(w http.ResponseWriter, r *http.Request) ([]string, error) {
	if _, err := api.ParseQuery(r); err != nil {
		return nil, err
	}
	var body struct {
		SerialNumbers []string `json:"serial_numbers"`
	}
	if err := api.DecodeJSON(w, r, maxMassBody, &body); err != nil {
		return nil, err
	}
	problems := compliance.FieldErrors{}
	if checkSerials(problems, body.SerialNumbers, maxMassSerials); len(problems) > 0 {
		return nil, problems
	}
	return body.SerialNumbers, nil
}
