package config_test

import (
	"encoding"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/davit-dev/davit/internal/config"
)

// node writes a configuration, leaving out what is not set.
func node(t *testing.T, v reflect.Value) *yaml.Node {
	t.Helper()
	n := &yaml.Node{}
	if m, ok := reflect.TypeAssert[encoding.TextMarshaler](v); ok {
		text, err := m.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		n.SetString(string(text))
		return n
	}
	switch v.Kind() {
	case reflect.Pointer:
		return node(t, v.Elem())
	case reflect.Struct:
		n.Kind = yaml.MappingNode
		for f, value := range v.Fields() {
			if name, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); name != "" && !isNil(value) {
				n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, node(t, value))
			}
		}
	case reflect.Map:
		n.Kind = yaml.MappingNode
		for _, key := range v.MapKeys() {
			n.Content = append(n.Content, node(t, key), node(t, v.MapIndex(key)))
		}
	case reflect.Slice:
		n.Kind = yaml.SequenceNode
		for _, value := range v.Seq2() {
			n.Content = append(n.Content, node(t, value))
		}
	case reflect.String:
		n.Kind, n.Tag, n.Value = yaml.ScalarNode, "!!str", v.String()
	default:
		if err := n.Encode(v.Interface()); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func isNil(v reflect.Value) bool {
	return (v.Kind() == reflect.Pointer || v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.IsNil()
}

func FuzzParse(f *testing.F) {
	for _, path := range []string{"sample.yaml", "../../examples/orders/davit.yaml"} {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add([]byte(uncomment(string(data), func(string) bool { return true })))
	}
	for _, seed := range []string{
		"name: a\n---\nname: b", "run: {env: {A: 1.10, 'b c': ~}}", "a: &a [*a]", "<<: {}", "? [x]\n: y", "run: !!map {}",
		"verify: {load: {request: [GET /, {}], rate: 1e3}}", "\t", "{", "hosts: [a,\n b", "name: \"\\x00\"", "\xff\xfe",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := config.Parse("davit.yaml", module, data)
		if err != nil {
			places(t, data, err)
			return
		}
		first, err := yaml.Marshal(node(t, reflect.ValueOf(cfg)))
		if err != nil {
			t.Fatal(err)
		}
		again, err := config.Parse("davit.yaml", module, first)
		if err != nil {
			t.Fatalf("%q was read as %+v, written as\n%s\n%v", data, cfg, first, err)
		}
		if !reflect.DeepEqual(round(t, again), round(t, cfg)) {
			t.Fatalf("%q was read as %+v, written as\n%s\nand read as %+v", data, cfg, first, again)
		}
	})
}

// round lets percentages differ by what is not written of them.
func round(t *testing.T, cfg config.Config) any {
	t.Helper()
	var plain any
	if err := node(t, reflect.ValueOf(cfg)).Decode(&plain); err != nil {
		t.Fatal(err)
	}
	return plain
}

// places checks that every error is about a place that is in the file.
func places(t *testing.T, data []byte, err error) {
	t.Helper()
	breaks := 1 // what YAML takes for the end of a line
	for _, r := range string(data) {
		if strings.ContainsRune("\n\r\u0085\u2028\u2029", r) {
			breaks++
		}
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%q: %v", data, err)
	}
	for _, err := range joined.Unwrap() {
		at, ok := errors.AsType[*config.Error](err)
		if !ok || at.Line < 1 || at.Column < 1 || at.Message == "" || !utf8.ValidString(at.Message) ||
			at.Line > breaks || at.Column > len(data)+1 {
			t.Fatalf("%q: %#v", data, err)
		}
	}
}
