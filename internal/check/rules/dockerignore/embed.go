package dockerignore

import (
	"bufio"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// embedded returns what the Go files of a context embed: patterns, relative to
// the context (pkg.go.dev/embed).
func embedded(dir string, all []entry) []string {
	var out []string
	for _, e := range all {
		if e.mode.IsRegular() && strings.HasSuffix(e.name, ".go") && !strings.HasSuffix(e.name, "_test.go") {
			out = append(out, embeds(dir, e.name)...)
		}
	}
	return out
}

func embeds(dir, name string) []string {
	file, err := os.Open(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		return nil
	}
	defer file.Close()
	var out []string
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		rest, found := strings.CutPrefix(lines.Text(), "//go:embed ")
		if !found {
			continue
		}
		for word := range strings.FieldsSeq(rest) {
			word = strings.TrimPrefix(strings.Trim(word, "\"`"), "all:")
			out = append(out, path.Join(path.Dir(name), word))
		}
	}
	return out
}

// embeddedIn says whether one of the patterns takes in an entry or something in it.
func embeddedIn(patterns []string, name string) bool {
	for _, p := range patterns {
		if p == name || p == "." || strings.HasPrefix(name, p+"/") || strings.HasPrefix(p, name+"/") {
			return true
		}
		for at := name; at != "."; at = path.Dir(at) {
			if match, err := path.Match(p, at); match && err == nil {
				return true
			}
		}
	}
	return false
}
