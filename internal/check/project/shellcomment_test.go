package project_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/check/project"
)

// TestShellComments lists the shell of every RUN.
func TestShellComments(t *testing.T) {
	for source, want := range map[string][]string{
		"RUN a\n# hadolint shell=bash\nRUN b\nSHELL [\"/bin/ash\", \"-c\"]\nRUN c\n":                  {"/bin/sh", "bash", "/bin/ash"},
		"# hadolint shell = pwsh # why\nFROM a AS one\nRUN a\nFROM b\nRUN b\nFROM one\nRUN c\n":       {"pwsh", "/bin/sh", "pwsh"},
		"FROM a\nRUN a\n#davit shell=/bin/zsh\n\n# more\nRUN b\nFROM b\nRUN c\n":                      {"/bin/sh", "/bin/zsh", "/bin/sh"},
		"FROM a\nRUN a\n# hadolint shell=powershell\nFROM b\nRUN b\n":                                 {"/bin/sh", "powershell"},
		"FROM a\n# hadolint shell=\n# shell=x\n# x shell=y\n# hadolint ignore=DL3000\nRUN a\n":        {"/bin/sh"},
		"ARG A\n# hadolint shell=bash\nRUN a\nFROM b\nRUN <<EOF\n# hadolint shell=fish\nEOF\nRUN c\n": {"bash", "/bin/sh", "/bin/sh"},
	} {
		p, err := project.LoadReader(t.TempDir(), strings.NewReader(source))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range p.Dockerfiles[0].All() {
			for _, r := range s.Runs {
				got = append(got, r.Shell[0])
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", source, got, want)
		}
	}
}
