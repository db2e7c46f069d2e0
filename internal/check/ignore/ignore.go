// Package ignore turns a .dockerignore file into a list of patterns and says
// which files of a build context they leave out, as BuildKit does.
//
// Its invariant: a list that was parsed gives an answer for every path, and the
// same one each time. The package reads no files and imports only the standard
// library.
package ignore

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// List is a parsed .dockerignore. The zero value leaves nothing out.
type List struct {
	patterns []pattern
	lines    []Pattern
}

// Pattern is a line of the list that says something.
type Pattern struct {
	Start, End int    // bytes of the source, without white space at both ends
	Word       string // relative to the context, without the exclamation mark
	Exception  bool   // an exclamation mark stands before it
}

// Error says which line cannot be read, and why.
type Error struct {
	Pattern
	Line int // counted from 1
	Err  error
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("line %d: %q: %v", e.Line, e.word(), e.Err) }

// Unwrap implements the errors package's interface.
func (e *Error) Unwrap() error { return e.Err }

// Parse reads a .dockerignore (docs.docker.com/build/concepts/context,
// "Dockerignore files"). The error is an *Error and names the line.
func Parse(source []byte) (*List, error) {
	l := &List{}
	text := strings.TrimPrefix(string(source), "\ufeff")
	at := len(source) - len(text)
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		p, found := read(line, at)
		at += len(line) + 1
		if !found {
			continue
		}
		compiled, err := compile(p.word())
		if err != nil {
			return nil, &Error{p, number, err}
		}
		l.patterns = append(l.patterns, compiled)
		l.lines = append(l.lines, p)
	}
	return l, nil
}

// read takes a line that begins at an offset apart.
func read(line string, at int) (Pattern, bool) {
	word := clean(line)
	if word == "" {
		return Pattern{}, false
	}
	trimmed := strings.TrimSpace(line)
	start := at + strings.Index(line, trimmed)
	p := Pattern{Start: start, End: start + len(trimmed)}
	p.Word, p.Exception = strings.CutPrefix(word, "!")
	return p, true
}

func (p Pattern) word() string {
	if p.Exception {
		return "!" + p.Word
	}
	return p.Word
}

// Patterns returns what the lines say, in order.
func (l *List) Patterns() []Pattern { return l.lines }

// Match says whether the pattern at an index names a path itself, without
// regard to the folders that it lies in and to the other patterns.
func (l *List) Match(index int, name string) bool { return l.patterns[index].match(name) }

// clean returns what a line holds: a pattern relative to the context, behind a
// "!" for an exception, or nothing. A comment begins in the first column.
func clean(line string) string {
	if strings.HasPrefix(line, "#") {
		return ""
	}
	line = strings.TrimSpace(line)
	word, exception := strings.CutPrefix(line, "!")
	if word = strings.TrimSpace(word); word != "" {
		word = path.Clean(word)
	}
	if len(word) > 1 {
		word = strings.TrimPrefix(word, "/")
	}
	if exception {
		return "!" + word
	}
	return word
}

// Exceptions tells whether a file in a folder that is left out may still count.
func (l *List) Exceptions() bool {
	for _, p := range l.patterns {
		if p.exception {
			return true
		}
	}
	return false
}

// Folder is what the patterns say about a folder, for those inside it. The zero
// value is that of the context itself.
type Folder struct {
	matched []bool // by pattern
}

// Excluded says whether the file or folder at a slash-separated path is left
// out. in is what this function returned for the folder that it lies in: a
// pattern that matched a folder holds for all in it, and an exception too.
func (l *List) Excluded(name string, in Folder) (bool, Folder) {
	here := Folder{matched: make([]bool, len(l.patterns))}
	excluded := false
	for i, p := range l.patterns {
		match := i < len(in.matched) && in.matched[i]
		if !match && p.exception == excluded {
			match = p.match(name)
		}
		here.matched[i] = match
		if match {
			excluded = !p.exception
		}
	}
	return excluded, here
}

// Left says whether the file or folder at a path is left out, and which pattern
// decides that; below zero when none does.
func (l *List) Left(name string) (out bool, by int) {
	var in Folder
	for at := range len(name) + 1 {
		if at == len(name) || name[at] == '/' {
			out, in = l.Excluded(name[:at], in)
		}
	}
	return out, l.Deciding(in)
}

// Deciding returns the index of the pattern that decides about a path, given
// what Excluded returned for it; below zero when none does.
func (l *List) Deciding(here Folder) int {
	for i, matched := range slices.Backward(here.matched) {
		if matched {
			return i
		}
	}
	return -1
}
