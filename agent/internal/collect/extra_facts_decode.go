// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"gopkg.in/yaml.v3"

	"github.com/rollcall-inventory/rollcall/proto/asset"
)

// factsFromJSON decodes a file of JSON; keys that come twice, NUL, and numbers that JSON cannot carry are errors.
func factsFromJSON(raw []byte) (any, error) {
	raw, err := asset.CanonicalJSON(bytes.TrimPrefix(raw, []byte("\uFEFF")))
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errors.New("the JSON value does not end")
	}
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	err = decoder.Decode(&value)
	return value, err
}

// factsFromYAML decodes a file of one YAML document. It takes what JSON can say: keys are text, aliases are refused, and
// a day or a moment is the text that stands there.
func factsFromYAML(raw []byte) (any, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	var document, more yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the file is empty")
		}
		return nil, err
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one YAML document")
	}
	if len(document.Content) != 1 {
		return nil, errors.New("the file is empty")
	}
	return yamlValue(document.Content[0], 1)
}

// yamlValue turns a node of YAML into what encoding/json writes.
func yamlValue(n *yaml.Node, depth int) (any, error) {
	if depth > maxFactDepth+1 {
		return nil, fmt.Errorf("nested deeper than %d", maxFactDepth)
	}
	switch n.Kind {
	case yaml.MappingNode:
		return yamlObject(n, depth)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, member := range n.Content {
			value, err := yamlValue(member, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	case yaml.ScalarNode:
		return yamlScalar(n)
	default:
		return nil, fmt.Errorf("line %d: aliases are not allowed", n.Line)
	}
}

// yamlObject turns a mapping into an object.
func yamlObject(n *yaml.Node, depth int) (any, error) {
	object := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" {
			return nil, fmt.Errorf("line %d: a key is not text; put it in quotes", key.Line)
		}
		if _, twice := object[key.Value]; twice {
			return nil, fmt.Errorf("line %d: key %.64q stands twice", key.Line, key.Value)
		}
		value, err := yamlValue(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		object[key.Value] = value
	}
	return object, nil
}

// yamlScalar turns a single value into what JSON has for it.
func yamlScalar(n *yaml.Node) (any, error) {
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		var value bool
		err := n.Decode(&value)
		return value, err
	case "!!int":
		var value int64
		if err := n.Decode(&value); err != nil {
			return nil, fmt.Errorf("line %d: integer %.64s is too large", n.Line, n.Value)
		}
		return value, nil
	case "!!float":
		var value float64
		if err := n.Decode(&value); err != nil || math.IsInf(value, 0) || math.IsNaN(value) {
			return nil, fmt.Errorf("line %d: %.64s is not a number that JSON has", n.Line, n.Value)
		}
		return value, nil
	case "!!str", "!!timestamp":
		return n.Value, nil
	}
	return nil, fmt.Errorf("line %d: values with the tag %.64s are not allowed", n.Line, n.Tag)
}
