package ko

import (
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// scalar returns the text of a node, as it is written but for quotes.
func (p parser) scalar(path string, n *yaml.Node) (text, bool) {
	t := target(n)
	if t.Kind != yaml.ScalarNode || isNull(t) {
		p.add(n, "", "%s must be text, not %s", path, describe(t))
		return text{}, false
	}
	if t.ShortTag() == "!!binary" {
		p.add(n, "", "%s must be text, not base64", path)
		return text{}, false
	}
	return text{t.Value, p.at(n)}, true
}

// words reads a list of texts, or one text with words.
func (p parser) words(path string, n *yaml.Node) []text { return p.list(path, n, strings.Fields) }

// whole keeps a text as one.
func whole(s string) []string { return []string{s} }

// list reads a list of texts. Where one text stands for it, split makes a list.
func (p parser) list(path string, n *yaml.Node, split func(string) []string) []text {
	t := target(n)
	if t.Kind != yaml.SequenceNode {
		one, ok := p.scalar(path, n)
		if !ok {
			return nil
		}
		return spread(one, split)
	}
	var all []text
	for _, item := range t.Content {
		if value, ok := p.scalar(path, item); ok {
			all = append(all, value)
		}
	}
	return all
}

func spread(t text, split func(string) []string) []text {
	var all []text
	for _, value := range split(t.value) {
		all = append(all, text{value, t.at})
	}
	return all
}

// target follows aliases. An anchor that holds itself is refused when a file is
// read, so this ends.
func target(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	t := target(n)
	return t.Kind == yaml.ScalarNode && t.ShortTag() == "!!null"
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys with values"
	case yaml.SequenceNode:
		return "a list"
	default:
		if isNull(n) {
			return "nothing"
		}
		return "text"
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func orFile(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}

func names[V any](m map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}
