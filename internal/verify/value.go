package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Value is a JSON value: nil, bool, json.Number, string, []any or map[string]any.
// Numbers keep the digits they were written with. The zero Value is null.
type Value struct{ v any }

// MarshalJSON implements json.Marshaler; keys are sorted.
func (v Value) MarshalJSON() ([]byte, error) { return canonical(v.v) }

// UnmarshalJSON implements json.Unmarshaler.
func (v *Value) UnmarshalJSON(data []byte) error {
	value, err := decodeValue(data)
	if err != nil {
		return err
	}
	*v = value
	return nil
}

// decodeValue reads exactly one JSON value.
func decodeValue(data []byte) (Value, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		if errors.Is(err, io.EOF) {
			return Value{}, errors.New("it is empty")
		}
		return Value{}, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Value{}, errors.New("more follows after the first value")
	}
	return Value{v}, nil
}

// String returns the JSON of v.
func (v Value) String() string {
	data, err := v.MarshalJSON()
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// text returns a scalar as it stands in a path, a header or a body.
func (v Value) text() string {
	if s, ok := v.v.(string); ok {
		return s
	}
	return v.String()
}

// saveable says whether v can be filled in for a placeholder.
func (v Value) saveable() bool {
	switch v.v.(type) {
	case bool, json.Number, string:
		return true
	default:
		return false
	}
}

// kind names the type of v for people.
func (v Value) kind() string {
	switch v.v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case string:
		return "text"
	case []any:
		return "a list"
	default:
		return "an object"
	}
}

// mapText returns v with every text in it, but no key, replaced.
func (v Value) mapText(replace func(string) any) Value {
	switch v := v.v.(type) {
	case string:
		return Value{replace(v)}
	case []any:
		list := make([]any, len(v))
		for i, entry := range v {
			list[i] = Value{entry}.mapText(replace).v
		}
		return Value{list}
	case map[string]any:
		object := make(map[string]any, len(v))
		for key, entry := range v {
			object[key] = Value{entry}.mapText(replace).v
		}
		return Value{object}
	default:
		return Value{v}
	}
}

// texts returns every text in v.
func (v Value) texts() []string {
	var texts []string
	v.mapText(func(text string) any {
		texts = append(texts, text)
		return text
	})
	return texts
}

// equal compares two values as JSON: the order of keys and the way in which a
// number is written do not matter.
func (v Value) equal(other Value) bool {
	switch a := v.v.(type) {
	case json.Number:
		b, ok := other.v.(json.Number)
		return ok && equalNumbers(a.String(), b.String())
	case []any:
		b, ok := other.v.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !(Value{a[i]}).equal(Value{b[i]}) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := other.v.(map[string]any)
		return ok && equalObjects(a, b)
	default:
		return scalarEqual(a, other.v)
	}
}

func equalObjects(a, b map[string]any) bool {
	if len(a) != len(b) {
		return false
	}
	for key, value := range a {
		if other, found := b[key]; !found || !(Value{value}).equal(Value{other}) {
			return false
		}
	}
	return true
}

// scalarEqual compares null, booleans and texts.
func scalarEqual(a, b any) bool {
	switch b.(type) {
	case nil, bool, string:
		return a == b
	default:
		return false
	}
}

// equalNumbers compares whole numbers digit by digit, so that identifiers above
// 2^53 are told apart, and all others as float64.
func equalNumbers(a, b string) bool {
	if a == b {
		return true
	}
	if isWhole(a) && isWhole(b) {
		return strings.TrimPrefix(a, "-") == "0" && strings.TrimPrefix(b, "-") == "0"
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && x == y
}

func isWhole(number string) bool { return !strings.ContainsAny(number, ".eE") }

// canonical returns the JSON of v: fields in the order of the types, map keys
// sorted, no white space, nothing escaped that need not be.
func canonical(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
