package dockerfile_test

import (
	"slices"
	"testing"

	"github.com/davit-dev/davit/internal/check/dockerfile"
)

// TestReferences lists the variables of a word, with a ? when it says what
// happens without them.
func TestReferences(t *testing.T) {
	for word, want := range map[string][]string{
		"$A":              {"A"},
		"x${A}y$B_1.c":    {"A", "B_1"},
		"${A:-$B}${C:+d}": {"A?", "B", "C?"},
		"${A-${B-${C}}}":  {"A?", "B?", "C"},
		"${A:?why}${B#x}": {"A?", "B"},
		`\$A "$B" '$C'`:   {"B"},
		`"'$A'"`:          {"A"},
		"$1 $ $$A ${} ${": {"A"},
	} {
		f := dockerfile.Parse([]byte("USER " + word + "\n"))
		var got []string
		for _, r := range dockerfile.References(f.Instructions[0].Rest, f.Escape) {
			name := r.Name.String()
			if span := r.Name.Span(); f.Source[span.Start:span.End] != name {
				t.Errorf("%s: %s is not at its place", word, name)
			}
			if r.Without {
				name += "?"
			}
			got = append(got, name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
}
