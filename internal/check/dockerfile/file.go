// Package dockerfile turns the bytes of a Dockerfile into instructions, words
// and stages that know where they stand, so that a finding can point at a byte
// and a fix can change that byte and no other.
//
// Its invariant: the tokens of a file, printed one after the other, are the
// file, whatever the file is; Parse accepts every input, never panics, and
// takes time in proportion to its length. What it cannot understand it says in
// File.Errors. It knows the language (as BuildKit reads it) and nothing about
// rules; it imports only the standard library and the shell parser.
package dockerfile

import (
	"fmt"
	"sort"
	"strings"
)

// File is a Dockerfile.
type File struct {
	Source       string // all of it, as it was given
	Escape       byte   // '\\', or '`' after the directive "# escape=`"
	Tokens       []Token
	Directives   []Directive
	Instructions []*Instruction
	Errors       []SyntaxError // in the order in which they stand; none in a file that BuildKit would read

	lines []int // offset at which each line begins
}

// Span is a part of the source: the bytes from offset Start up to, but not
// including, offset End.
type Span struct{ Start, End int }

// Position is a place in the source for people. Line and Column count from 1;
// Column counts bytes, as Go's own tools do.
type Position struct{ Line, Column int }

// Directive is a parser directive, such as "# syntax=docker/dockerfile:1".
type Directive struct {
	Span
	Name  string // lower case
	Value string
}

// SyntaxError says what BuildKit would refuse, and where.
type SyntaxError struct {
	Span
	Message string
}

// Error implements error.
func (e SyntaxError) Error() string { return e.Message }

// Bounds of what is read: far above what people and generators write, and low
// enough for a result in a second.
const (
	largestFile      = 1 << 20
	mostInstructions = 10000
)

// Parse reads a Dockerfile. It always returns a File.
func Parse(source []byte) *File {
	f := &File{Source: string(source), Escape: '\\', lines: []int{0}}
	for i := 0; i < len(f.Source); i++ {
		if f.Source[i] == '\n' {
			f.lines = append(f.lines, i+1)
		}
	}
	s := scanner{file: f, directives: true}
	if len(source) > largestFile {
		s.unread(0, fmt.Sprintf("the file has %d bytes; Dockerfiles of up to %d are read", len(source), largestFile))
		return f
	}
	s.scan()
	if len(f.Instructions) == 0 {
		f.fail(Span{0, 0}, "there is no instruction in the file")
	}
	sort.SliceStable(f.Errors, func(i, j int) bool { return f.Errors[i].Start < f.Errors[j].Start })
	return f
}

// Position returns the place of a byte offset.
func (f *File) Position(offset int) Position {
	line := sort.SearchInts(f.lines, offset+1)
	return Position{Line: line, Column: offset - f.lines[line-1] + 1}
}

// Line returns a line of the source, counted from 1, without its line end, and
// the offset at which it begins.
func (f *File) Line(n int) (text string, start int) {
	if n < 1 || n > len(f.lines) {
		return "", len(f.Source)
	}
	start = f.lines[n-1]
	end := len(f.Source)
	if n < len(f.lines) {
		end = f.lines[n]
	}
	return strings.TrimRight(f.Source[start:end], "\r\n"), start
}

// Newline returns the line end that the file uses: that of its first line.
func (f *File) Newline() string {
	if line, _, found := strings.Cut(f.Source, "\n"); found && strings.HasSuffix(line, "\r") {
		return "\r\n"
	}
	return "\n"
}

// Print writes the tokens one after the other: the source, byte for byte.
func (f *File) Print() []byte {
	out := make([]byte, 0, len(f.Source))
	for _, t := range f.Tokens {
		out = append(out, f.Source[t.Start:t.End]...)
	}
	return out
}

func (f *File) fail(at Span, message string) {
	f.Errors = append(f.Errors, SyntaxError{Span: at, Message: message})
}
