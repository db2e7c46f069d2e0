package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
)

// schemaDialect is the JSON Schema that Schema is written in.
const schemaDialect = "https://json-schema.org/draft/2020-12/schema"

// Schema returns the JSON Schema (draft 2020-12) of davit.yaml, for editors and
// other programs. It is made from the types that the file is read into, from
// their defaults, and from what the commented sample says about each key. It
// takes every file that Parse takes when its values are written in their usual
// form; what only several keys together can say is left to Parse.
func Schema() ([]byte, error) {
	shown := describeKeys(Sample(SampleData{Module: "example.com/team/orders"}))
	g := generator{shown: shown, rules: schemaRules()}
	one, other := Default("example.com/one"), Default("example.com/other")
	root, err := g.of("", reflect.TypeFor[Config](), reflect.ValueOf(one), reflect.ValueOf(other))
	if err != nil {
		return nil, fmt.Errorf("make the schema: %w", err)
	}
	root.Dialect, root.Title = schemaDialect, FileName
	data, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("make the schema: %w", err)
	}
	return append(data, '\n'), nil
}

// schema is a JSON Schema, with the keywords that are used here.
type schema struct {
	Dialect     string    `json:"$schema,omitempty"`
	Title       string    `json:"title,omitempty"`
	Description string    `json:"description,omitempty"`
	Type        typeNames `json:"type,omitempty"`
	rule
	AnyOf                []*schema          `json:"anyOf,omitempty"`
	Items                *schema            `json:"items,omitempty"`
	Properties           map[string]*schema `json:"properties,omitempty"`
	AdditionalProperties any                `json:"additionalProperties,omitempty"` // false, or the schema of the values
	Default              any                `json:"default,omitempty"`
	Examples             []any              `json:"examples,omitempty"`
}

// typeNames are what JSON calls the types that a value may have.
type typeNames []string

// MarshalJSON implements json.Marshaler: a single type stands for itself.
func (n typeNames) MarshalJSON() ([]byte, error) {
	if len(n) == 1 {
		return json.Marshal(n[0])
	}
	return json.Marshal([]string(n))
}

// generator makes the schemas of types.
type generator struct {
	shown map[string]shownKey
	rules map[string]rule
}

// of returns the schema of a key. The two values are defaults of two modules:
// only what both have is a default. They are invalid where there is none.
func (g generator) of(path string, t reflect.Type, one, other reflect.Value) (*schema, error) {
	s, err := g.shapeSchema(path, t, one, other)
	if err != nil {
		return nil, err
	}
	s.Description = g.shown[path].description
	kind := shapeOf(t)
	if kind == section || kind == pointer {
		return s, nil
	}
	s.Default = commonDefault(one, other)
	if example := g.shown[path].value; s.Default == nil && example != nil {
		s.Examples = []any{example}
	}
	return s, nil
}

func (g generator) shapeSchema(path string, t reflect.Type, one, other reflect.Value) (*schema, error) {
	switch kind := shapeOf(t); kind {
	case section:
		return g.sectionSchema(path, t, one, other)
	case pointer:
		s, err := g.of(path, t.Elem(), reflect.Value{}, reflect.Value{})
		if err == nil {
			s.Type = []string{"object"} // an empty one is refused, since it sets nothing
		}
		return s, err
	case table:
		below, err := g.shapeSchema(path+".*", t.Elem(), reflect.Value{}, reflect.Value{})
		return &schema{Type: []string{"object"}, AdditionalProperties: below, rule: g.rules[path]}, err
	case list, custom:
		return g.listSchema(path, t)
	default:
		s := &schema{rule: g.rules[path]}
		if kind == text || t.PkgPath() != "" {
			s.rule = s.or(typeRule(t))
		}
		s.Type = scalarTypes(t, s.rule)
		return s, nil
	}
}

func (g generator) sectionSchema(path string, t reflect.Type, one, other reflect.Value) (*schema, error) {
	s := &schema{
		Type: []string{"object", "null"}, Properties: map[string]*schema{},
		AdditionalProperties: false, rule: g.rules[path],
	}
	for name, index := range fieldsOf(t) {
		below, err := g.of(join(path, name), t.Field(index).Type, fieldOf(one, index), fieldOf(other, index))
		if err != nil {
			return nil, err
		}
		s.Properties[name] = below
	}
	return s, nil
}

func fieldOf(v reflect.Value, index int) reflect.Value {
	if !v.IsValid() {
		return v
	}
	return v.Field(index)
}

// listSchema is about lists, and about the types that read a single text as a
// list of one.
func (g generator) listSchema(path string, t reflect.Type) (*schema, error) {
	if t.Kind() != reflect.Slice {
		return nil, fmt.Errorf("%s: it is not known how %s is written", path, t)
	}
	entry, err := g.shapeSchema(path+"[]", t.Elem(), reflect.Value{}, reflect.Value{})
	if err != nil {
		return nil, err
	}
	several := &schema{Type: []string{"array"}, Items: entry, rule: g.rules[path]}
	if shapeOf(t) == custom {
		return &schema{AnyOf: []*schema{entry, several}}, nil
	}
	return several, nil
}

// scalarTypes returns what JSON calls the values of a type. Text is taken as it
// stands, so that a number can be text too, unless a rule lets no number be.
func scalarTypes(t reflect.Type, r rule) []string {
	switch kind := t.Kind(); {
	case shapeOf(t) == text:
		return r.textTypes("string")
	case kind == reflect.String:
		return r.textTypes("string", "number", "boolean")
	case kind == reflect.Bool:
		return []string{"boolean"}
	case kind == reflect.Float64 || kind == reflect.Float32:
		return []string{"number"}
	default:
		return []string{"integer"}
	}
}

// commonDefault returns the value that a key has in two configurations, as it is
// written, nil where it differs or is empty.
func commonDefault(one, other reflect.Value) any {
	if !one.IsValid() || !reflect.DeepEqual(one.Interface(), other.Interface()) {
		return nil
	}
	_, isText := reflect.TypeAssert[encoding.TextMarshaler](one) // an empty text shows nothing, 0s does
	if one.IsZero() && one.Kind() != reflect.Bool && !isText {
		return nil
	}
	return one.Interface()
}
