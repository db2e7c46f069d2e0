package explain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// diffJSON returns the values that differ, with names such as config.Env[1].
// What is not JSON is compared as text.
func diffJSON(a, b []byte) []Difference {
	x, errA := decode(a)
	y, errB := decode(b)
	if errA != nil || errB != nil {
		if bytes.Equal(a, b) {
			return nil
		}
		return []Difference{{A: text(string(a)), B: text(string(b))}}
	}
	var found []Difference
	walk("", x, y, &found)
	return found
}

func decode(data []byte) (any, error) {
	if len(data) == 0 {
		return nil, nil
	}
	var value any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber() // so that great numbers stay what they are
	err := d.Decode(&value)
	return value, err
}

func walk(name string, a, b any, found *[]Difference) {
	switch x := a.(type) {
	case map[string]any:
		if y, ok := b.(map[string]any); ok {
			for _, key := range slices.Sorted(maps.Keys(union(x, y))) {
				walk(strings.TrimPrefix(name+"."+key, "."), x[key], y[key], found)
			}
			return
		}
	case []any:
		if y, ok := b.([]any); ok {
			for i := range max(len(x), len(y)) {
				walk(fmt.Sprintf("%s[%d]", name, i), at(x, i), at(y, i), found)
			}
			return
		}
	}
	if v, w := text(a), text(b); v != w {
		*found = append(*found, Difference{Name: name, A: v, B: w})
	}
}

func at(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// text is a value for people; "" is one that is not there.
func text(value any) string {
	if value == nil {
		return ""
	}
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(data)
}
