package verify

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	maxProblems   = 20 // that are told of one file
	maxValueDepth = 64
)

// decoder reads nodes of one YAML file and collects what is wrong with them.
type decoder struct {
	file string
	errs []error
}

// field is a key that a mapping may have, and what reads its value.
type field struct {
	key  string
	read func(*yaml.Node)
}

func (d *decoder) fail(n *yaml.Node, format string, args ...any) {
	err := fmt.Errorf(format, args...)
	d.errs = append(d.errs, fmt.Errorf("%s:%d:%d: %w", d.file, n.Line, n.Column, err))
}

func (d *decoder) err() error {
	if rest := len(d.errs) - maxProblems; rest > 0 {
		return errors.Join(append(d.errs[:maxProblems:maxProblems], fmt.Errorf("%s: and %d more", d.file, rest))...)
	}
	return errors.Join(d.errs...)
}

var syntaxError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

// parseYAML returns the root of the only document in data.
func parseYAML(file string, data []byte) (root *yaml.Node, err error) {
	// The library reports some malformed input by panicking.
	defer func() {
		if caught := recover(); caught != nil {
			root, err = nil, fmt.Errorf("%s: is not YAML: %v", file, caught)
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var document, next yaml.Node
	err = dec.Decode(&document)
	if errors.Is(err, io.EOF) || err == nil && len(document.Content) == 0 {
		return nil, fmt.Errorf("%s: holds no assertions", file)
	}
	if err == nil {
		err = dec.Decode(&next)
		if err == nil {
			return nil, fmt.Errorf("%s:%d:%d: a second document begins; one file holds one list of assertions", file, next.Line, next.Column)
		}
	}
	if !errors.Is(err, io.EOF) {
		match := syntaxError.FindStringSubmatch(err.Error())
		if match == nil || match[1] == "" {
			return nil, fmt.Errorf("%s: is not YAML: %w", file, err)
		}
		return nil, fmt.Errorf("%s:%s:1: is not YAML: %s", file, match[1], match[2])
	}
	return document.Content[0], nil
}

// mapping reads a mapping that has no other keys than the fields.
func (d *decoder) mapping(n *yaml.Node, what string, fields []field) {
	d.entries(n, what, func(key, value *yaml.Node) {
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == key.Value })
		if i < 0 {
			keys := make([]string, 0, len(fields))
			for _, f := range fields {
				keys = append(keys, f.key)
			}
			d.fail(key, "unknown key %q in %s; allowed: %s", key.Value, what, strings.Join(keys, ", "))
			return
		}
		fields[i].read(value)
	})
}

// entries reads a mapping whose keys the user chooses.
func (d *decoder) entries(n *yaml.Node, what string, read func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, "%s must be a mapping, not %s", what, kindOf(n))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode:
			d.fail(key, "a key in %s must be text, not %s", what, kindOf(key))
		case seen[key.Value]:
			d.fail(key, "key %q is given twice in %s", key.Value, what)
		default:
			seen[key.Value] = true
			read(key, value)
		}
	}
}

// text reads text into target. Numbers and the like are refused: what they would
// be as text is not always what stands in the file.
func (d *decoder) text(what string, target *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		tag := n.ShortTag()
		if n.Kind == yaml.ScalarNode && (tag == "!!str" || tag == "!!timestamp") {
			*target = n.Value
			return
		}
		hint := ""
		if slices.Contains([]string{"!!bool", "!!int", "!!float"}, tag) {
			hint = "; put it in quotes"
		}
		d.fail(n, "%s must be text, not %s%s", what, kindOf(n), hint)
	}
}

// scalar reads a scalar that has its own form of text.
func (d *decoder) scalar(what string, target encoding.TextUnmarshaler) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
			d.fail(n, "%s must be text, not %s", what, kindOf(n))
			return
		}
		if err := target.UnmarshalText([]byte(n.Value)); err != nil {
			d.fail(n, "%s: %w", what, err)
		}
	}
}

// list calls read for each entry of a list, or for the one value that is not a list.
func list(n *yaml.Node, read func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		read(n)
		return
	}
	for _, entry := range n.Content {
		read(entry)
	}
}

// value reads any value that JSON has.
func (d *decoder) value(n *yaml.Node, depth int) Value {
	if depth > maxValueDepth {
		d.fail(n, "the value is nested more than %d deep", maxValueDepth)
		return Value{}
	}
	switch n.Kind {
	case yaml.ScalarNode:
		return d.scalarValue(n)
	case yaml.SequenceNode:
		entries := make([]any, 0, len(n.Content))
		for _, entry := range n.Content {
			entries = append(entries, d.value(entry, depth+1).v)
		}
		return Value{entries}
	case yaml.MappingNode:
		object := map[string]any{}
		d.entries(n, "the value", func(key, value *yaml.Node) {
			object[key.Value] = d.value(value, depth+1).v
		})
		return Value{object}
	default:
		d.fail(n, "a value cannot be %s", kindOf(n))
		return Value{}
	}
}

func (d *decoder) scalarValue(n *yaml.Node) Value {
	switch n.ShortTag() {
	case "!!null":
		return Value{}
	case "!!str", "!!timestamp":
		return Value{n.Value}
	case "!!bool", "!!int", "!!float":
	default:
		d.fail(n, "a value cannot be %s", kindOf(n))
		return Value{}
	}
	var v any
	if err := n.Decode(&v); err != nil {
		d.fail(n, "%q cannot be read as %s", n.Value, kindOf(n))
		return Value{}
	}
	switch v := v.(type) {
	case bool:
		return Value{v}
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			d.fail(n, "%s is not a number in JSON", n.Value)
			return Value{}
		}
	}
	digits, err := json.Marshal(v)
	if err != nil {
		d.fail(n, "%s is not a number in JSON", n.Value)
	}
	return Value{json.Number(digits)}
}

// kindOf names what a node is, for people.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias (*" + n.Value + "); write it out"
	default:
		return kindOfScalar(n)
	}
}

func kindOfScalar(n *yaml.Node) string {
	switch n.ShortTag() {
	case "!!null":
		return "null"
	case "!!bool":
		return "a boolean"
	case "!!int", "!!float":
		return "a number"
	case "!!str", "!!timestamp":
		return "text"
	default:
		return "of type " + n.ShortTag()
	}
}
