package verify

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

const maxName = 200 // bytes of an assertion's name

// Assertion is one request and what must be true of its answer. Text in it may
// hold {{name}}, which stands for what an assertion before it saved.
type Assertion struct {
	Name    string            `json:"name"` // unique in its file
	Request Request           `json:"request"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
	Expect  Expect            `json:"expect"`
	Save    map[string]Path   `json:"save,omitempty"` // name → where its value is in the answer's JSON
}

// problems says what is wrong with a, given the names saved before it.
func (a Assertion) problems(saved map[string]bool) []error {
	var errs []error
	add := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	if a.Name == "" || len(a.Name) > maxName || strings.IndexFunc(a.Name, unicode.IsControl) >= 0 {
		add(fmt.Errorf("name: must be one line of 1 to %d bytes", maxName))
	}
	add(a.Request.validate())
	add(validateHeaders("headers", a.Headers))
	for _, name := range sorted(a.Headers) {
		if slices.Contains(ownHeaders, strings.ToLower(name)) {
			add(fmt.Errorf("headers: %s is set by davit and cannot be given", name))
		}
	}
	for _, text := range a.texts() {
		add(validatePlaceholders(text, saved))
	}
	for _, name := range sorted(a.Save) {
		if !variableName.MatchString(name) {
			add(fmt.Errorf("save: %q is not a name (letters, digits and _)", name))
		}
	}
	return append(errs, a.Expect.problems()...)
}

// texts returns everything in a that may hold placeholders.
func (a Assertion) texts() []string {
	texts := []string{a.Request.Target, a.Body}
	for _, name := range sorted(a.Headers) {
		texts = append(texts, a.Headers[name])
	}
	return append(texts, a.Expect.texts()...)
}

// ownHeaders follow from the request and the connection.
var ownHeaders = []string{"host", "content-length", "transfer-encoding", "connection", "upgrade", "trailer", "te", "expect"}

// validateHeaders refuses what is not a header (RFC 9110, section 5) and names
// that differ in case only, of which one would be lost.
func validateHeaders(key string, headers map[string]string) error {
	seen := map[string]bool{}
	for _, name := range sorted(headers) {
		if !isToken(name) {
			return fmt.Errorf("%s: %q is not the name of a header", key, name)
		}
		if strings.IndexFunc(headers[name], func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) >= 0 {
			return fmt.Errorf("%s: the value of %s holds a control character", key, name)
		}
		lower := strings.ToLower(name)
		if seen[lower] {
			return fmt.Errorf("%s: %s is given twice", key, name)
		}
		seen[lower] = true
	}
	return nil
}

// isToken says whether s is a token of RFC 9110, section 5.6.2.
func isToken(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	}) < 0
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
