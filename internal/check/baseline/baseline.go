// Package baseline turns the findings that a project has today into a file, and
// takes them away from those that it has later: a check can be switched on in an
// old project, and says only what is new.
//
// Its invariant: a finding stands in the file by its rule, its file and the text
// of its line, never by the number of that line, and as often as it occurred. It
// must not import rules.
package baseline

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
)

// version is that of the file's format.
const version = 1

// Baseline says which findings are known.
type Baseline struct {
	count map[key]int
}

// key is what a finding is known by.
type key struct {
	code, file, line string // line is a hash of its text without the spaces around it
}

// Entry is one line of the file.
type Entry struct {
	Code  string `json:"code"`
	File  string `json:"file"`
	Line  string `json:"line"`  // hash of the text of the line
	Count int    `json:"count"` // how often that occurs
}

// Of returns the baseline of a project's findings.
func Of(p *project.Project, findings []finding.Finding) Baseline {
	b := Baseline{count: map[key]int{}}
	for _, f := range findings {
		b.count[keyOf(p, f)]++
	}
	return b
}

func keyOf(p *project.Project, f finding.Finding) key {
	text := ""
	if file := p.File(f.File); file != nil {
		text, _ = file.Line(f.Line)
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(text)))
	return key{f.Code, f.File, hex.EncodeToString(sum[:8])}
}

// Hide returns the findings that the baseline does not know, how many it knows,
// and what of it does not occur any more in the files that were looked at or are
// gone. Of equal findings the first ones are taken for the known ones.
func (b Baseline) Hide(p *project.Project, findings []finding.Finding) (fresh []finding.Finding, hidden int, gone []Entry) {
	left := maps.Clone(b.count)
	for _, f := range findings {
		if k := keyOf(p, f); left[k] > 0 {
			left[k]--
			hidden++
		} else {
			fresh = append(fresh, f)
		}
	}
	return fresh, hidden, entries(left)
}

// Looked returns the part of the baseline that is about the files of a project.
// It is for a check of some files only: about the others it says nothing.
func (b Baseline) Looked(p *project.Project) Baseline {
	out := Baseline{count: map[key]int{}}
	for k, n := range b.count {
		if p.File(k.file) != nil {
			out.count[k] = n
		}
	}
	return out
}

func entries(count map[key]int) []Entry {
	out := []Entry{}
	for k, n := range count {
		if n > 0 {
			out = append(out, Entry{Code: k.code, File: k.file, Line: k.line, Count: n})
		}
	}
	slices.SortFunc(out, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Line, b.Line))
	})
	return out
}

// Write writes the baseline, an entry on each line, so that changes to it are
// merged and read well.
func (b Baseline) Write(w io.Writer) error {
	var out bytes.Buffer
	fmt.Fprintf(&out, "{\"version\": %d, \"findings\": [", version)
	for i, e := range entries(b.count) {
		line, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("write baseline: %w", err)
		}
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, "\n%s", line)
	}
	out.WriteString("\n]}\n")
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write baseline: %w", err)
	}
	return nil
}

// Error says what is wrong with the file of a baseline.
type Error struct {
	File    string
	Line    int // counted from 1; 0 where it is not known
	Message string
}

// Error implements error.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
}

// Parse reads a baseline; name is what errors of type *Error call it.
func Parse(name string, data []byte) (Baseline, error) {
	var file struct {
		Version  int     `json:"version"`
		Findings []Entry `json:"findings"`
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return Baseline{}, &Error{File: name, Line: lineOf(data, err), Message: fmt.Sprintf("this is not a baseline: %v", err)}
	}
	if file.Version != version {
		return Baseline{}, &Error{File: name, Message: fmt.Sprintf("the baseline has version %d; this davit reads version %d", file.Version, version)}
	}
	b := Baseline{count: map[key]int{}}
	for i, e := range file.Findings {
		if e.Code == "" || e.File == "" || e.Count < 1 {
			return Baseline{}, &Error{File: name, Message: fmt.Sprintf("entry %d needs a code, a file and a count from 1", i+1)}
		}
		b.count[key{e.Code, e.File, e.Line}] += e.Count
	}
	return b, nil
}

// lineOf returns where an error of the JSON library is, as far as it says so.
func lineOf(data []byte, err error) int {
	offset := int64(-1)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = syntax.Offset
	}
	if typed, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		offset = typed.Offset
	}
	if offset < 0 {
		return 0
	}
	return bytes.Count(data[:min(int(offset), len(data))], []byte("\n")) + 1
}
