package ko

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Error says what is wrong with something that a ko user brought, and where.
type Error struct {
	File    string // a path, or the name of an environment variable
	Line    int    // from 1; 0 where there is none
	Column  int    // from 1, in characters
	Message string // what is wrong, and what is allowed
	Hint    string // what to do next, "" where the message says it all
	Err     error  // what lies beneath; may be nil
}

// Error implements error.
func (e *Error) Error() string {
	return place{e.File, e.Line, e.Column}.String() + ": " + e.Message
}

// Unwrap returns what lies beneath.
func (e *Error) Unwrap() error { return e.Err }

// place is where a text stands: a file with a line and a column, or a variable
// of the environment.
type place struct {
	file         string
	line, column int
}

// String writes "FILE:LINE:COLUMN", or the name alone.
func (p place) String() string {
	if p.line == 0 {
		return p.file
	}
	return fmt.Sprintf("%s:%d:%d", p.file, p.line, p.column)
}

func (p place) errorf(hint, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{
		File: p.file, Line: p.line, Column: p.column,
		Message: err.Error(), Hint: hint, Err: errors.Unwrap(err),
	}
}

// mostProblems bounds how much is said about one file.
const mostProblems = 20

// problems collects what is wrong with a file.
type problems struct {
	file string
	errs []error
}

func (p *problems) add(n *yaml.Node, hint, format string, args ...any) {
	if len(p.errs) < mostProblems {
		p.errs = append(p.errs, p.at(n).errorf(hint, format, args...))
	}
}

func (p *problems) at(n *yaml.Node) place { return place{p.file, n.Line, n.Column} }

func (p *problems) join() error { return errors.Join(p.errs...) }

var yamlLine = regexp.MustCompile(`^yaml: (?:unmarshal errors:\n +)?(?:line (\d+): )?`)

// syntaxError is about text that the YAML library does not accept. It knows the
// line at most.
func syntaxError(file string, err error) error {
	match := yamlLine.FindStringSubmatch(err.Error())
	if match == nil {
		return place{file, 1, 1}.errorf("", "%w", err)
	}
	line, atoi := strconv.Atoi(match[1])
	if atoi != nil {
		line = 1
	}
	return place{file, line, 1}.errorf("", "not YAML: %s", err.Error()[len(match[0]):])
}
