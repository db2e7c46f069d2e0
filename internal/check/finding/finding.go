// Package finding holds what a check says: what is wrong, where it is to the
// byte, how bad it is, and the edits that mend it. They are values; it imports
// only the standard library.
package finding

import (
	"cmp"
	"fmt"
	"slices"
)

// Finding is something that is wrong, and where. Lines and columns count from
// 1, columns in bytes; EndLine and EndColumn are the place right after the last
// byte. File is relative to the project's root, with slashes.
type Finding struct {
	Code      string   `json:"code"`
	Severity  Severity `json:"severity"`
	Message   string   `json:"message"`
	File      string   `json:"file"`
	Line      int      `json:"line"`
	Column    int      `json:"column"`
	EndLine   int      `json:"endLine"`
	EndColumn int      `json:"endColumn"`
	Fix       *Fix     `json:"fix"` // nil: a person has to decide
}

// Doc returns where the documentation of the finding's rule is, relative to
// the root of davit's repository.
func (f Finding) Doc() string { return "docs/checks/" + f.Code + ".md" }

// Severity says how bad a finding is.
type Severity string

// The severities, the worst first.
const (
	Error   Severity = "error"   // will not build, will not start, or leaks a secret
	Warning Severity = "warning" // may fail, or is worse than it need be
	Info    Severity = "info"    // could be better
	Style   Severity = "style"   // taste
)

// Never is a threshold that no finding reaches.
const Never Severity = "none"

// Severities returns them in order, the worst first.
func Severities() []Severity { return []Severity{Error, Warning, Info, Style} }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Severity) UnmarshalText(text []byte) error {
	if v := Severity(text); v.Valid() {
		*s = v
		return nil
	}
	return fmt.Errorf("%q is not a severity: error, warning, info or style", text)
}

// Valid says whether the severity is one of the four.
func (s Severity) Valid() bool { return slices.Contains(Severities(), s) }

// AtLeast says whether s is as bad as t, or worse.
func (s Severity) AtLeast(t Severity) bool {
	return slices.Index(Severities(), s) <= slices.Index(Severities(), t)
}

// Safety says what a fix can break.
type Safety string

// Safe fixes keep what a working build does; unsafe ones may change it and
// want a person to look.
const (
	Safe   Safety = "safe"
	Unsafe Safety = "unsafe"
)

// Fix mends a finding. Its edits are made together or not at all.
type Fix struct {
	Safety Safety `json:"safety"`
	Edits  []Edit `json:"edits"`
}

// Edit writes Text over the bytes from offset Start up to, but not including,
// offset End of File. A file that is not there is made.
type Edit struct {
	File  string `json:"file"`
	Start int    `json:"start"`
	End   int    `json:"end"`
	Text  string `json:"text"`
}

// Failed says whether any finding is as bad as the threshold, or worse. The
// empty threshold is Warning.
func Failed(findings []Finding, threshold Severity) bool {
	if threshold == "" {
		threshold = Warning
	}
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Severity.AtLeast(threshold) })
}

// Order sorts by place, then code, then message.
func Order(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
		cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message),
	)
}
