// Package compose turns the bytes of a compose file into services whose every
// key and value knows where it stands, so that a finding can point at a byte
// and a fix can change that byte and no other.
//
// Its invariant: Parse accepts every input and never panics; what it cannot
// understand it says in File.Problem. It knows the language (compose-spec.io)
// and nothing about rules; it imports only the standard library and the YAML
// parser.
package compose

import (
	"errors"

	"go.yaml.in/yaml/v3"
)

// File is a compose file.
type File struct {
	Source  string
	Root    *yaml.Node // the mapping at the top; nil when there is none
	Problem error      // why the file cannot be read
}

// Parse reads a compose file. It always returns a File.
func Parse(source string) *File {
	f := &File{Source: source}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(source), &doc); err != nil {
		f.Problem = err
		return f
	}
	if len(doc.Content) == 0 {
		return f
	}
	if doc.Content[0].Kind != yaml.MappingNode {
		f.Problem = errors.New("a compose file is a mapping with `services` in it")
		return f
	}
	f.Root = doc.Content[0]
	return f
}
