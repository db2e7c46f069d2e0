package config

import (
	"encoding"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// shape is how a type is read.
type shape int

const (
	scalar  shape = iota // text, a number, or true or false
	text                 // encoding.TextUnmarshaler
	custom               // yaml.Unmarshaler
	section              // struct: known keys
	table                // map: any keys
	list                 // slice
	pointer              // set when the key is there
)

func shapeOf(t reflect.Type) shape {
	address := reflect.PointerTo(t)
	switch {
	case address.Implements(reflect.TypeFor[yaml.Unmarshaler]()):
		return custom
	case address.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return text
	}
	switch t.Kind() {
	case reflect.Struct:
		return section
	case reflect.Map:
		return table
	case reflect.Slice:
		return list
	case reflect.Pointer:
		return pointer
	default:
		return scalar
	}
}

// fieldsOf returns the keys of a struct and which fields they set.
func fieldsOf(t reflect.Type) map[string]int {
	fields := map[string]int{}
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			fields[name] = field.Index[0]
		}
	}
	return fields
}

// keys returns the paths of all keys that a struct has, sections left out.
func keys(t reflect.Type, path string) []string {
	var paths []string
	for name, index := range fieldsOf(t) {
		below, field := join(path, name), t.Field(index).Type
		if field.Kind() == reflect.Pointer {
			field = field.Elem()
		}
		if shapeOf(field) == section {
			paths = append(paths, keys(field, below)...)
		} else {
			paths = append(paths, below)
		}
	}
	slices.Sort(paths)
	return paths
}

// unsupported says whether a key is one that davit will have, but this version
// does not.
func unsupported(path string) bool {
	return slices.Contains([]string{
		"verify.openapi", "verify.vulnerabilities",
		"notify", "targets",
	}, path)
}

// unknownKey is the message about a key that does not exist: what was probably
// meant, or else what is allowed.
func unknownKey(path, name string, fields map[string]int) string {
	message := "unknown key " + strconv.Quote(name)
	if path != "" {
		message += " in " + path
	}
	allowed := make([]string, 0, len(fields))
	for key := range fields {
		allowed = append(allowed, key)
	}
	slices.Sort(allowed)
	if near := nearest(name, allowed); near != "" {
		return message + `: did you mean "` + near + `"?`
	}
	for _, key := range keys(reflect.TypeFor[Config](), "") {
		if strings.HasSuffix(key, "."+name) {
			return message + `: did you mean "` + key + `"?`
		}
	}
	return message + " (allowed: " + strings.Join(allowed, ", ") + ")"
}

// nearest returns the word that a mistyped one was probably meant to be.
func nearest(name string, words []string) string {
	const most = 32 // longer ones are no slip of the finger
	if len(name) > most {
		return ""
	}
	best, least := "", 1+max(1, len(name)/3)
	for _, word := range words {
		if d := distance(strings.ToLower(name), word); d < least {
			best, least = word, d
		}
	}
	return best
}

// distance is how many letters must be changed, added, left out or exchanged
// with their neighbor to make one word of another (optimal string alignment).
func distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			next[j+1] = min(row[j]+change, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
