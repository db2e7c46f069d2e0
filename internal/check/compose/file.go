// Package compose turns the bytes of a compose file into services whose every
// key and value knows where it stands, so that a finding can point at a byte
// and a fix can change that byte and no other.
//
// Its invariants: Parse accepts every input, never panics, and takes time in
// proportion to its length, aliases and merge keys or not; every span lies in
// the source. What Parse cannot understand it says in File.Errors. The package
// knows the language (compose-spec.io) and nothing about rules; it imports only
// the standard library and the YAML parser.
package compose

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// File is a compose file.
type File struct {
	Source    string
	Documents []*Node       // the mappings at the top; later ones add to the first
	Services  []*Service    // of all documents, as they are written
	Includes  bool          // the file takes in others, whose services are not known
	Template  bool          // the file is not YAML yet: something puts it in for {{ … }}
	Errors    []SyntaxError // what compose would refuse
	Problem   error         // the first of them

	budget int // of fields that << may still bring
}

// SyntaxError says what compose would refuse, and where.
type SyntaxError struct {
	Span
	Message string
}

// Error implements error.
func (e SyntaxError) Error() string { return e.Message }

// mostFields bounds the fields that merge keys bring into mappings, all
// together.
const mostFields = 1 << 20

// mostBytes bounds a file, so that the worst of them is read in a second.
const mostBytes = 4 << 20

// Parse reads a compose file. It always returns a File.
func Parse(source string) *File {
	f := &File{Source: source, budget: mostFields}
	if len(source) > mostBytes {
		f.fail(Span{}, fmt.Sprintf("the file has %d bytes; compose files of up to %d are read", len(source), mostBytes))
		return f
	}
	if !utf8.ValidString(source) {
		f.fail(Span{}, "the file is not UTF-8")
		return f
	}
	b := &builder{file: f, nodes: map[*yaml.Node]*Node{}, line: 1, column: 1, offset: len(bom(source))}
	decoder := yaml.NewDecoder(strings.NewReader(source))
	for {
		var doc yaml.Node
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			f.refuse(err)
			return f
		}
		f.document(b, &doc)
	}
	f.readServices()
	return f
}

// document takes over one document. An empty one is passed over.
func (f *File) document(b *builder, doc *yaml.Node) {
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return
	}
	root := b.node(doc.Content[0])
	if root.Kind != Mapping || root.Alias != nil {
		f.fail(Span{root.Start, root.Start}, "a compose file is a mapping with `services` in it")
		return
	}
	f.Documents = append(f.Documents, root)
}

// refuse takes over the error of the parser. Templates are no YAML before they
// are filled in.
func (f *File) refuse(err error) {
	f.Documents = nil
	if strings.Contains(f.Source, "{{") {
		f.Template, f.Errors, f.Problem = true, nil, nil
		return
	}
	line, message := split(err)
	b := &builder{file: f, line: 1, column: 1}
	at := b.seek(line, 1)
	f.fail(Span{at, at}, "not YAML: "+message)
}

// split takes the parser's error apart: "yaml: line 5: what is wrong".
func split(err error) (line int, message string) {
	message = strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, found := strings.CutPrefix(message, "line "); found {
		if number, text, cut := strings.Cut(rest, ": "); cut {
			line, _ = strconv.Atoi(number)
			message = text
		}
	}
	return max(line, 1), message
}

func (f *File) fail(at Span, message string) {
	switch {
	case len(f.Errors) < mostErrors:
		f.Errors = append(f.Errors, SyntaxError{Span: at, Message: message})
	case len(f.Errors) == mostErrors:
		f.Errors = append(f.Errors, SyntaxError{Span: at, Message: "there are more errors like these"})
	}
	if f.Problem == nil {
		f.Problem = fmt.Errorf("%s", message)
	}
}
