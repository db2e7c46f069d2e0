package fingerprint

import (
	"bytes"
	"crypto/sha256"
	"go/parser"
	"go/scanner"
	"go/token"
	"strings"
)

// head sums up what go list reads of a Go file: all up to the last import, with
// the comments there, among which are build constraints, go:debug lines and what
// is for cgo; and in files that import embed the go:embed lines. Where a file is
// not in order all of it counts.
func head(text []byte) string {
	sum := sha256.New()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "", text, parser.ImportsOnly)
	if err != nil {
		put(sum, "not in order")
		_, _ = sum.Write(text) // a hash does not fail
		return short(sum)
	}
	end, embeds := file.Name.End(), false
	for _, decl := range file.Decls {
		end = max(end, decl.End())
	}
	for _, spec := range file.Imports {
		embeds = embeds || strings.Trim(spec.Path.Value, "`\"") == "embed"
	}
	put(sum, string(text[:files.File(file.FileStart).Offset(end)]))
	if embeds && bytes.Contains(text, []byte(embedLine)) {
		for _, line := range embedLines(text) {
			put(sum, line)
		}
	}
	return short(sum)
}

const embedLine = "//go:embed"

// embedLines returns the go:embed lines of a file, those in strings and in other
// comments aside.
func embedLines(text []byte) []string {
	files := token.NewFileSet()
	var (
		s     scanner.Scanner
		lines []string
	)
	s.Init(files.AddFile("", -1, len(text)), text, func(token.Position, string) {}, scanner.ScanComments)
	for {
		_, what, literal := s.Scan()
		if what == token.EOF {
			return lines
		}
		if strings.HasPrefix(literal, embedLine) { // which only a comment does
			lines = append(lines, literal)
		}
	}
}
