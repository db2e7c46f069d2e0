package verify

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// placeholder is {{name}} or {{ name }}; anything else between such braces is an
// error, so that a misspelt one is not sent as it stands.
var (
	placeholder  = regexp.MustCompile(`\{\{([^{}]*)\}\}`)
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)
)

// variables are the values that assertions of a file saved.
type variables map[string]Value

// placeholders returns the names that text refers to, as they are written.
func placeholders(text string) []string {
	var names []string
	for _, match := range placeholder.FindAllStringSubmatch(text, -1) {
		names = append(names, strings.TrimSpace(match[1]))
	}
	return names
}

// validatePlaceholders says what in text cannot be filled in from known names.
func validatePlaceholders(text string, known map[string]bool) error {
	for _, name := range placeholders(text) {
		if !variableName.MatchString(name) {
			return fmt.Errorf("{{%s}}: %q is not the name of a saved value (letters, digits and _)", name, name)
		}
		if !known[name] {
			return fmt.Errorf("{{%s}}: nothing before it in this file saves %q", name, name)
		}
	}
	return nil
}

// missing returns the first name in texts that has no value.
func (v variables) missing(texts []string) (string, bool) {
	for _, text := range texts {
		for _, name := range placeholders(text) {
			if _, found := v[name]; !found {
				return name, true
			}
		}
	}
	return "", false
}

// fill replaces the placeholders in text.
func (v variables) fill(text string) string {
	return v.fillWith(text, func(s string) string { return s })
}

// fillTarget replaces the placeholders in a path and query, escaped so that a
// value stays one segment of the path or one value of the query.
func (v variables) fillTarget(target string) string {
	path, query, found := strings.Cut(target, "?")
	path = v.fillWith(path, url.PathEscape)
	if !found {
		return path
	}
	return path + "?" + v.fillWith(query, url.QueryEscape)
}

func (v variables) fillWith(text string, escape func(string) string) string {
	return placeholder.ReplaceAllStringFunc(text, func(match string) string {
		value, found := v[strings.TrimSpace(match[2:len(match)-2])]
		if !found {
			return match
		}
		return escape(value.text())
	})
}

// fillValue replaces the placeholders in an expected value. Text that is nothing
// but a placeholder becomes the saved value itself, so that numbers stay numbers.
func (v variables) fillValue(want Value) Value {
	return want.mapText(func(text string) any {
		if names := placeholders(text); len(names) == 1 && placeholder.FindString(text) == text {
			if saved, found := v[names[0]]; found {
				return saved.v
			}
		}
		return v.fill(text)
	})
}
