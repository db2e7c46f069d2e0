package config

import (
	"encoding"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	nullTag  = "!!null"
	intTag   = "!!int"
	floatTag = "!!float"
	boolTag  = "!!bool"
	mergeTag = "!!merge"
)

// decoder sets the fields of a configuration from the nodes of a file, by the
// fields' yaml tags. It remembers where each key stands.
type decoder struct {
	*problems
	at map[string]position // by path, such as run.health.path or hosts[0]
}

// plain refuses what makes a file mean something else than it shows.
func (d *decoder) plain(n *yaml.Node) {
	at := positionOf(n)
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		d.add(at, "write the value out", "anchors and aliases are not allowed")
	case n.Kind == yaml.ScalarNode && n.ShortTag() == mergeTag:
		d.add(at, "write the keys out", "merge keys (<<) are not allowed")
	case n.Style&yaml.TaggedStyle != 0:
		d.add(at, "", "tags such as %s are not allowed", n.Tag)
	}
	for _, child := range n.Content {
		d.plain(child)
	}
}

// value sets v, which stands under a path, from n.
func (d *decoder) value(path string, n *yaml.Node, v reflect.Value) {
	if _, known := d.at[path]; !known {
		d.at[path] = positionOf(n)
	}
	kind := shapeOf(v.Type())
	if n.Kind == yaml.ScalarNode && n.ShortTag() == nullTag {
		if kind != section {
			d.add(positionOf(n), "", "%s has no value; a key that is left out has its default", path)
		}
		return
	}
	switch kind {
	case custom:
		d.custom(path, n, v)
	case text:
		d.text(path, n, v)
	case section:
		d.section(path, n, v)
	case table:
		d.table(path, n, v)
	case list:
		d.list(path, n, v)
	case pointer:
		target := reflect.New(v.Type().Elem())
		d.value(path, n, target.Elem())
		v.Set(target)
	case scalar:
		d.scalar(path, n, v)
	}
}

// custom lets a type read its own node. Such types name at most the line.
func (d *decoder) custom(path string, n *yaml.Node, v reflect.Value) {
	target, _ := reflect.TypeAssert[yaml.Unmarshaler](v.Addr())
	err := target.UnmarshalYAML(n)
	if err == nil {
		return
	}
	messages := []string{err.Error()}
	if typed, ok := errors.AsType[*yaml.TypeError](err); ok {
		messages = typed.Errors
	}
	for _, message := range messages {
		match := yamlLine.FindStringSubmatch(message)
		at := positionOf(n)
		if line, err := strconv.Atoi(match[1]); err == nil {
			at = onLine(n, line)
		}
		d.add(at, "", "%s: %s", path, message[len(match[0]):])
	}
}

// onLine returns the place of the first node on a line, of n when there is none.
func onLine(n *yaml.Node, line int) position {
	for _, child := range n.Content {
		if child.Line == line {
			return positionOf(child)
		}
	}
	return positionOf(n)
}

func (d *decoder) text(path string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.ScalarNode {
		d.add(positionOf(n), "", "%s must be text, not %s", path, describe(n))
		return
	}
	target, _ := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr())
	if err := target.UnmarshalText([]byte(n.Value)); err != nil {
		d.add(positionOf(n), "", "%s: %v", path, err)
	}
}

func (d *decoder) section(path string, n *yaml.Node, v reflect.Value) {
	fields := fieldsOf(v.Type())
	d.pairs(path, n, func(name string, key, value *yaml.Node) {
		below := join(path, name)
		index, known := fields[name]
		switch {
		case known:
			if shapeOf(v.Type().Field(index).Type) == section {
				d.at[below] = positionOf(key)
			}
			d.value(below, value, v.Field(index))
		case unsupported(below):
			d.add(positionOf(key), "", "%s is not supported by this version", below)
		default:
			d.add(positionOf(key), "", "%s", unknownKey(path, name, fields))
		}
	})
}

// pairs calls fn for each key of a mapping. Twice the same key is an error.
func (d *decoder) pairs(path string, n *yaml.Node, fn func(name string, key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.add(positionOf(n), "", "%s must be keys with values, not %s", orFile(path), describe(n))
		return
	}
	seen := map[string]position{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.ShortTag() == nullTag {
			d.add(positionOf(key), "", "%s has %s as a key, where text is needed", orFile(path), describe(key))
			continue
		}
		if first, twice := seen[key.Value]; twice {
			d.add(positionOf(key), "", "%s is there twice, first in %s", join(path, key.Value), first)
			continue
		}
		seen[key.Value] = positionOf(key)
		if value.Kind == yaml.ScalarNode && value.Value == "" && value.Style == 0 {
			value.Line, value.Column = key.Line, key.Column // what is not there stands nowhere
		}
		fn(key.Value, key, value)
	}
}

func (d *decoder) table(path string, n *yaml.Node, v reflect.Value) {
	t := v.Type()
	entries := reflect.MakeMap(t)
	d.pairs(path, n, func(name string, _, value *yaml.Node) {
		entry := reflect.New(t.Elem()).Elem()
		d.value(join(path, name), value, entry)
		entries.SetMapIndex(reflect.ValueOf(name).Convert(t.Key()), entry)
	})
	v.Set(entries)
}

func (d *decoder) list(path string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.add(positionOf(n), "", "%s must be a list such as [a, b], not %s", path, describe(n))
		return
	}
	entries := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, child := range n.Content {
		d.value(path+"["+strconv.Itoa(i)+"]", child, entries.Index(i))
	}
	v.Set(entries)
}

// scalar sets a value that is neither text of its own form nor made of others.
// Text is taken as it stands: an environment variable 1.10 stays 1.10.
func (d *decoder) scalar(path string, n *yaml.Node, v reflect.Value) {
	if n.Kind == yaml.ScalarNode && v.Kind() == reflect.String {
		v.SetString(n.Value)
		return
	}
	need, set := "text", false
	switch {
	case v.CanInt():
		need, set = "a whole number", setInt(n, v)
	case v.CanFloat():
		need, set = "a number", setFloat(n, v)
	case v.Kind() == reflect.Bool:
		need, set = "true or false", setBool(n, v)
	}
	if !set {
		d.add(positionOf(n), "", "%s must be %s, not %s", path, need, describe(n))
	}
}

func setInt(n *yaml.Node, v reflect.Value) bool {
	i, err := strconv.ParseInt(n.Value, 10, v.Type().Bits())
	if err != nil || n.Kind != yaml.ScalarNode || n.ShortTag() != intTag {
		return false
	}
	v.SetInt(i)
	return true
}

func setFloat(n *yaml.Node, v reflect.Value) bool {
	f, err := strconv.ParseFloat(n.Value, v.Type().Bits())
	number := n.Kind == yaml.ScalarNode && (n.ShortTag() == intTag || n.ShortTag() == floatTag)
	if err != nil || !number || math.IsNaN(f) || math.IsInf(f, 0) {
		return false
	}
	v.SetFloat(f)
	return true
}

func setBool(n *yaml.Node, v reflect.Value) bool {
	b, err := strconv.ParseBool(n.Value)
	if err != nil || n.Kind != yaml.ScalarNode || n.ShortTag() != boolTag {
		return false
	}
	v.SetBool(b)
	return true
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func orFile(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}

// describe names what stands in the file for a message.
func describe(n *yaml.Node) string {
	const most = 40
	switch n.Kind {
	case yaml.MappingNode:
		return "keys with values"
	case yaml.SequenceNode:
		return "a list"
	default:
		value := []rune(strings.ToValidUTF8(n.Value, "?"))
		if len(value) > most {
			value = append(value[:most], '…')
		}
		return strconv.Quote(string(value))
	}
}
