package config

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// shownKey is what the sample says about a key.
type shownKey struct {
	description string // for people
	value       any    // the default or an example; nil for a section
}

// shownLine is a line of the sample with a key: how deep it is, its name, its
// value and its comment.
var shownLine = regexp.MustCompile(`^#((?:  )*)([a-z0-9_]+):(?: (.*?))??(?:  # (.*))?$`)

// describeKeys returns what a sample says about each key, by its path, and about
// the file under the empty path. A key at the left is described by the lines
// before it, one below by what stands behind it.
func describeKeys(sample string) map[string]shownKey {
	shown := map[string]shownKey{}
	var above []string // keys that the line is below
	var prose []string
	for line := range strings.Lines(sample) {
		line = strings.TrimSuffix(line, "\n")
		found := shownLine.FindStringSubmatch(line)
		if found == nil {
			text, isProse := strings.CutPrefix(line, "# ")
			if _, known := shown[""]; !known && !isProse {
				first, _, _ := strings.Cut(strings.Join(prose, " "), ". ")
				shown[""] = shownKey{description: strings.TrimSuffix(first, ".") + "."}
			}
			prose = append(prose, text)
			if !isProse {
				prose = nil
			}
			continue
		}
		depth := min(len(found[1])/2, len(above))
		above = append(above[:depth:depth], found[2])
		key := shownKey{description: comment(found[4]), value: shownValue(found[3])}
		if depth == 0 {
			key.description = strings.Join(prose, " ")
		}
		shown[strings.Join(above, ".")], prose = key, nil
	}
	return shown
}

// comment leaves out the mark of an example.
func comment(text string) string {
	return strings.TrimSuffix(strings.TrimSuffix(text, "example"), "; ")
}

func shownValue(text string) any {
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		return nil
	}
	return value
}
