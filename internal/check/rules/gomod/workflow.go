package gomod

import (
	"os"
	"path/filepath"
	"strings"
)

// setup is a version of Go that a workflow asks for.
type setup struct {
	file    string // relative to the folder that holds .github
	line    int
	version string // as YAML reads it
	written string
}

// setups reads the go-version of the workflows in a folder's .github/workflows,
// as far as they are numbers.
func setups(dir string) []setup {
	names, err := filepath.Glob(filepath.Join(dir, ".github", "workflows", "*.y*ml"))
	if err != nil {
		return nil
	}
	var out []setup
	for _, name := range names {
		source, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		number := 0
		for line := range strings.SplitSeq(string(source), "\n") {
			number++
			if s, ok := parseSetup(line); ok {
				s.file, s.line = ".github/workflows/"+filepath.Base(name), number
				out = append(out, s)
			}
		}
	}
	return out
}

// parseSetup reads a line such as `go-version: "1.22.x" # why`.
func parseSetup(line string) (setup, bool) {
	rest, found := strings.CutPrefix(strings.TrimLeft(line, " -"), "go-version:")
	if !found {
		return setup{}, false
	}
	rest, _, _ = strings.Cut(rest, " #")
	text := strings.TrimSpace(rest)
	plain := strings.Trim(text, `"'`)
	s := setup{version: strings.TrimSuffix(plain, ".x"), written: text}
	if s.version == "" || strings.Trim(s.version, "0123456789.") != "" || strings.Count(s.version, ".") == 0 {
		return setup{}, false
	}
	if plain == text && strings.Count(plain, ".") == 1 && strings.HasSuffix(plain, "0") {
		s.version = strings.TrimRight(plain, "0") // a number: 1.20 is 1.2
	}
	return s, true
}
