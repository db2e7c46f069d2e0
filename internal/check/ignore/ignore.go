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
	"strings"
)

// List is a parsed .dockerignore. The zero value leaves nothing out.
type List struct {
	patterns []pattern
}

// Parse reads a .dockerignore (docs.docker.com/build/concepts/context,
// "Dockerignore files"). The error names the line.
func Parse(source []byte) (*List, error) {
	l := &List{}
	text := strings.TrimPrefix(string(source), "\ufeff")
	for number, line := range strings.Split(text, "\n") {
		word := clean(line)
		if word == "" {
			continue
		}
		p, err := compile(word)
		if err != nil {
			return nil, fmt.Errorf("line %d: %q: %w", number+1, word, err)
		}
		l.patterns = append(l.patterns, p)
	}
	return l, nil
}

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
