// Package redact takes known secrets out of text. It knows them by their values,
// where package audit knows others by their shape.
package redact

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Mark stands where a secret stood.
const Mark = "[redacted]"

// Shortest is the fewest bytes of a value, or of a line of one, that are looked
// for: shorter ones stand in ordinary text by chance.
const Shortest = 6

// Redactor takes values out of text. The nil Redactor leaves all as it is.
type Redactor struct {
	replacer *strings.Replacer
}

// New returns what takes the values out: as they are, quoted as in Go and JSON,
// and escaped as in a URL. Text comes by lines, so each line of a value counts.
func New(values ...string) *Redactor {
	var forms []string
	for _, value := range values {
		for line := range strings.SplitSeq(value, "\n") {
			forms = append(forms, spellings(strings.TrimSpace(line))...)
		}
	}
	if len(forms) == 0 {
		return nil
	}
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) }) // the whole before its parts
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range forms {
		pairs = append(pairs, form, Mark)
	}
	return &Redactor{strings.NewReplacer(pairs...)}
}

func spellings(value string) []string {
	if len(value) < Shortest {
		return nil
	}
	quoted := strconv.Quote(value)
	forms := []string{value, quoted[1 : len(quoted)-1], url.QueryEscape(value), url.PathEscape(value), url.UserPassword("", value).String()[1:]}
	slices.Sort(forms)
	return slices.Compact(forms)
}

// Text returns text without the values.
func (r *Redactor) Text(text string) string {
	if r == nil {
		return text
	}
	return r.replacer.Replace(text)
}
