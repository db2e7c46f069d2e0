package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Place is where a tool found something, and what.
type Place struct {
	File    string `json:"file"` // relative to the module, with slashes
	Line    int    `json:"line"`
	Column  int    `json:"column,omitempty"` // 0 where it is not known
	Message string `json:"message"`
}

// placed is a line of the compiler, of vet or of a test.
var placed = regexp.MustCompile(`^\s*(?:vet: )?(\S+\.go):(\d+):(?:(\d+):)? (.+)$`)

// places returns those that output names. Files are relative to a folder of the
// module.
func places(output, folder string) []Place {
	var out []Place
	for line := range strings.Lines(output) {
		m := placed.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if m == nil || path.IsAbs(m[1]) {
			continue
		}
		p := Place{File: path.Join(folder, m[1]), Message: m[4]}
		p.Line, _ = strconv.Atoi(m[2])
		p.Column, _ = strconv.Atoi(m[3])
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// testEvent is what `go test -json` prints (go doc test2json).
type testEvent struct {
	Action, Package, ImportPath, Test, Output string
}

// testResults are what `go test -json` said.
type testResults struct {
	events []testEvent
	other  strings.Builder // what is not an event
}

func readTests(printed []byte) *testResults {
	r := &testResults{}
	lines := bufio.NewScanner(bytes.NewReader(printed))
	lines.Buffer(nil, len(printed)+1)
	for lines.Scan() {
		var e testEvent
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.Action != "" {
			r.events = append(r.events, e)
		} else {
			r.other.WriteString(lines.Text() + "\n")
		}
	}
	return r
}

// summary counts tests and packages.
func (r *testResults) summary() string {
	count := map[string]int{}
	packages := 0
	for _, e := range r.events {
		switch {
		case e.Test != "" && !strings.Contains(e.Test, "/"):
			count[e.Action]++
		case e.Test == "" && (e.Action == "pass" || e.Action == "fail") && e.Package != "":
			packages++
		}
	}
	text := fmt.Sprintf("%s passed", plural(count["pass"], "test"))
	if count["fail"] > 0 {
		text += fmt.Sprintf(", %d failed", count["fail"])
	}
	if count["skip"] > 0 {
		text += fmt.Sprintf(", %d skipped", count["skip"])
	}
	return text + " in " + plural(packages, "package")
}

// failures returns what failed tests and builds printed, and the places in it.
func (r *testResults) failures(module string) (output string, found []Place) {
	failed := map[string]bool{}
	for _, e := range r.events {
		if e.Action == "fail" || e.Action == "build-fail" {
			failed[e.key()] = true
		}
	}
	var out strings.Builder
	for _, e := range r.events {
		if e.Output == "" || !failed[e.key()] {
			continue
		}
		out.WriteString(e.Output)
		folder := "" // the compiler names files from the module's folder, a test from that of its package
		if e.Package != "" {
			folder = strings.TrimPrefix(strings.TrimPrefix(e.Package, module), "/")
		}
		found = append(found, places(e.Output, folder)...)
	}
	return out.String() + r.other.String(), found
}

// key is what an event is about: a test, a package, or the build of one.
func (e testEvent) key() string { return e.Package + "\x00" + e.ImportPath + "\x00" + e.Test }
