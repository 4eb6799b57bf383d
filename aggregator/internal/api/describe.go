// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"fmt"
	"io/fs"
)

// Describe joins the parts of an OpenAPI document, all *.json files of the folder openapi in each file system. Parts name
// paths and components, every one once; what else a document has stands in one of them.
func Describe(parts ...fs.FS) ([]byte, error) {
	document := map[string]json.RawMessage{}
	paths := map[string]json.RawMessage{}
	components := map[string]map[string]json.RawMessage{}
	for _, files := range parts {
		names, err := fs.Glob(files, "openapi/*.json")
		if err != nil {
			return nil, fmt.Errorf("descriptions: %w", err)
		}
		for _, name := range names {
			if err := describePart(files, name, document, paths, components); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	var err error
	if document["paths"], err = json.Marshal(paths); err != nil {
		return nil, err
	}
	if document["components"], err = json.Marshal(components); err != nil {
		return nil, err
	}
	return json.Marshal(document)
}

func describePart(files fs.FS, name string, document, paths map[string]json.RawMessage, components map[string]map[string]json.RawMessage) error {
	raw, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	var part map[string]json.RawMessage
	if err := json.Unmarshal(raw, &part); err != nil {
		return err
	}
	for key, value := range part {
		switch key {
		case "paths":
			err = mergeInto(paths, value)
		case "components":
			err = mergeComponents(components, value)
		default:
			err = addOnce(document, key, value)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

func mergeComponents(components map[string]map[string]json.RawMessage, raw []byte) error {
	var part map[string]json.RawMessage
	if err := json.Unmarshal(raw, &part); err != nil {
		return err
	}
	for sort, named := range part {
		if components[sort] == nil {
			components[sort] = map[string]json.RawMessage{}
		}
		if err := mergeInto(components[sort], named); err != nil {
			return fmt.Errorf("%s: %w", sort, err)
		}
	}
	return nil
}

func mergeInto(all map[string]json.RawMessage, raw []byte) error {
	var part map[string]json.RawMessage
	if err := json.Unmarshal(raw, &part); err != nil {
		return err
	}
	for key, value := range part {
		if err := addOnce(all, key, value); err != nil {
			return err
		}
	}
	return nil
}

func addOnce(all map[string]json.RawMessage, key string, value json.RawMessage) error {
	if _, twice := all[key]; twice {
		return fmt.Errorf("%s is described twice", key)
	}
	all[key] = value
	return nil
}
