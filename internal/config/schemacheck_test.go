package config_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/davit-dev/davit/internal/config"
)

// checker applies the keywords that the schema uses, and panics at others: what
// it does not know it cannot have checked.
type checker struct{ root map[string]any }

func newChecker(tb testing.TB) checker {
	tb.Helper()
	data, err := config.Schema()
	if err != nil {
		tb.Fatal(err)
	}
	var c checker
	if err := json.Unmarshal(data, &c.root); err != nil {
		tb.Fatal(err)
	}
	return c
}

// text checks a file.
func (c checker) text(text string) error {
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(text), &node); err != nil {
		return err
	}
	var value any
	if len(node.Content) > 0 {
		value = plain(node.Content[0])
	}
	return check(c.root, value, "")
}

// plain returns the value that programs see which know JSON's types only.
func plain(n *yaml.Node) any {
	switch {
	case n.Kind == yaml.MappingNode:
		table := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			table[n.Content[i].Value] = plain(n.Content[i+1])
		}
		return table
	case n.Kind == yaml.SequenceNode:
		list := []any{}
		for _, child := range n.Content {
			list = append(list, plain(child))
		}
		return list
	case n.ShortTag() == "!!null":
		return nil
	case slices.Contains([]string{"!!bool", "!!int", "!!float"}, n.ShortTag()):
		var value any
		if err := n.Decode(&value); err != nil {
			return n.Value
		}
		if number := reflect.ValueOf(value); number.CanConvert(reflect.TypeFor[float64]()) {
			return number.Convert(reflect.TypeFor[float64]()).Float()
		}
		return value
	default:
		return n.Value
	}
}

// check says where a value is not what its schema demands (JSON Schema 2020-12,
// Core and Validation). A keyword is about the values of its type only.
func check(s map[string]any, value any, path string) error {
	for _, keyword := range slices.Sorted(maps.Keys(s)) {
		var err error
		switch keyword {
		case "$schema", "title", "description", "default", "examples":
		case "anyOf":
			err = checkAny(s[keyword].([]any), value, path)
		case "properties", "additionalProperties", "items":
			err = checkParts(s, value, path)
		default:
			if !holds(keyword, s[keyword], value) {
				err = fmt.Errorf("%s: %v is against %s %v", path, value, keyword, s[keyword])
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func checkAny(several []any, value any, path string) error {
	var err error
	for _, one := range several {
		if err = check(one.(map[string]any), value, path); err == nil {
			return nil
		}
	}
	return err
}

// checkParts checks what a value is made of.
func checkParts(s map[string]any, value any, path string) error {
	switch value := value.(type) {
	case []any:
		for i, entry := range value {
			if items, ok := s["items"].(map[string]any); ok {
				if err := check(items, entry, fmt.Sprintf("%s[%d]", path, i)); err != nil {
					return err
				}
			}
		}
	case map[string]any:
		properties, _ := s["properties"].(map[string]any)
		for name, entry := range value {
			below, known := properties[name].(map[string]any)
			if others, ok := s["additionalProperties"].(map[string]any); !known && ok {
				below, known = others, true
			}
			if !known {
				return fmt.Errorf("%s.%s: it is not a property", path, name)
			}
			if err := check(below, entry, path+"."+name); err != nil {
				return err
			}
		}
	}
	return nil
}

func holds(keyword string, demand, value any) bool {
	limit, _ := demand.(float64)
	number, isNumber := value.(float64)
	text, isText := value.(string)
	list, isList := value.([]any)
	table, isTable := value.(map[string]any)
	switch keyword {
	case "type":
		names, several := demand.([]any)
		if !several {
			names = []any{demand}
		}
		return slices.ContainsFunc(names, func(name any) bool { return isType(name.(string), value) })
	case "enum":
		return slices.Contains(demand.([]any), value)
	case "pattern":
		return !isText || regexp.MustCompile(demand.(string)).MatchString(text)
	case "maxLength":
		return !isText || utf8.RuneCountInString(text) <= int(limit)
	case "minimum":
		return !isNumber || number >= limit
	case "exclusiveMinimum":
		return !isNumber || number > limit
	case "maximum":
		return !isNumber || number <= limit
	case "minItems":
		return !isList || len(list) >= int(limit)
	case "maxItems":
		return !isList || len(list) <= int(limit)
	case "uniqueItems":
		return !isList || !slices.ContainsFunc(list, func(entry any) bool {
			return slices.Index(list, entry) != len(list)-1-slices.Index(reversed(list), entry)
		})
	case "required":
		return !isTable || !slices.ContainsFunc(demand.([]any), func(name any) bool {
			_, found := table[name.(string)]
			return !found
		})
	}
	panic("the keyword " + keyword + " is not known here")
}

func reversed(list []any) []any {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}

func isType(name string, value any) bool {
	switch value := value.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case float64:
		return name == "number" || name == "integer" && value == math.Trunc(value)
	case string:
		return name == "string"
	case []any:
		return name == "array"
	case map[string]any:
		return name == "object"
	}
	return false
}
