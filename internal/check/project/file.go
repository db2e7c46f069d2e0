package project

import (
	"sort"
	"strings"
)

// File is a text file of a project, whatever it holds.
type File struct {
	Path   string // relative to the project's root, with slashes; "-" for the standard input
	Source string

	real  string // absolute, without symbolic links; empty for what is not on disk
	home  string // absolute folder that it is not to lead out of
	lines []int  // offset at which each line begins
}

func newFile(path, source string) *File {
	f := &File{Path: path, Source: source, lines: []int{0}}
	for i := 0; i < len(source); i++ {
		if source[i] == '\n' {
			f.lines = append(f.lines, i+1)
		}
	}
	return f
}

// Real returns where the file is on disk, without symbolic links, and the
// folder that it is not to lead out of. Both are absolute; real is empty for
// the standard input and for a file that a fix has made.
func (f *File) Real() (real, home string) { return f.real, f.home }

// Position returns the line and the column of a byte, both counted from 1.
func (f *File) Position(offset int) (line, column int) {
	line = sort.SearchInts(f.lines, offset+1)
	return line, offset - f.lines[line-1] + 1
}

// Line returns a line, counted from 1, without its line end, and the offset at
// which it begins.
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

// Lines returns how many lines the file has.
func (f *File) Lines() int { return len(f.lines) }

// Newline returns the line end that the file uses: that of its first line.
func (f *File) Newline() string {
	if line, _, found := strings.Cut(f.Source, "\n"); found && strings.HasSuffix(line, "\r") {
		return "\r\n"
	}
	return "\n"
}
