package check

import (
	"os/exec"
	"strings"
	"testing"
)

// A fix that breaks a file is a bug of its rule; the file is left as it was,
// also by the fixes of earlier rounds.
func TestBrokenFixIsUndone(t *testing.T) {
	const source = "FROM scratch\nADD a b\n"
	p, err := LoadReader(t.TempDir(), strings.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]Edit{
		"no instruction": {File: "-", Start: 32, End: 35, Text: "DAD"},
		"out of range":   {File: "-", Start: 13, End: 1 << 20},
	} {
		f := fixer{before: p, project: p, level: Safe, broken: map[string]bool{}}
		f.rewrite("-", []Edit{{File: "-", Start: 0, End: 0, Text: "# an earlier round\n"}})
		f.rewrite("-", []Edit{edit})
		c := f.changes()
		if len(c.Files) != 0 || len(c.Problems) != 1 {
			t.Errorf("%s: %d files changed, problems %v", name, len(c.Files), c.Problems)
		}
		f.findings = Run(f.project, Config{})
		if f.round() {
			t.Errorf("%s: the file was touched again", name)
		}
	}
}

// Fixes that touch each other wait for the next round; the same edit of two
// findings is made once.
func TestFit(t *testing.T) {
	edit := func(start, end int) Edit { return Edit{File: "f", Start: start, End: end, Text: "x"} }
	for _, c := range []struct {
		edits []Edit
		fits  bool
	}{
		{[]Edit{edit(10, 20)}, true},
		{[]Edit{edit(10, 20)}, true},
		{[]Edit{edit(20, 20)}, false},
		{[]Edit{edit(5, 10)}, false},
		{[]Edit{edit(12, 13)}, false},
		{[]Edit{edit(0, 30)}, false},
		{[]Edit{edit(30, 40), edit(9, 11)}, false},
		{[]Edit{edit(10, 20), edit(21, 22)}, true},
		{[]Edit{edit(30, 40)}, true},
		{[]Edit{{File: "g", Start: 10, End: 20}}, true},
	} {
		accepted := map[string][]Edit{"f": {edit(10, 20)}}
		if got := fit(accepted, c.edits); got != c.fits {
			t.Errorf("%+v: %v", c.edits, got)
		}
		if _, err := splice(strings.Repeat("-", 50), accepted["f"]); err != nil {
			t.Error(err)
		}
	}
}

// The list of packages that use cgo is the standard library's own.
func TestUsesCgo(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.ImportPath}} {{join .Deps \" \"}}", "std")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=1", "GOOS=linux", "GOFLAGS=")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list std: %v", err)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		name := words[0]
		if strings.Contains(name, "internal") || strings.HasPrefix(name, "vendor/") {
			continue
		}
		seen++
		want := false
		for _, dep := range words {
			want = want || dep == "net" || dep == "os/user" || dep == "runtime/cgo" || dep == "plugin"
		}
		if got := usesCgo(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if seen < 100 {
		t.Errorf("the standard library has %d packages?", seen)
	}
}

func TestImageOf(t *testing.T) {
	for source, want := range map[string]struct {
		name, version, suffix string
		userland              userland
	}{
		"golang:1.22.3-alpine3.19":                     {"golang", "1.22.3", "-alpine3.19", otherUserland},
		"docker.io/library/golang:1.22@sha256:00":      {"golang", "1.22", "", otherUserland},
		"public.ecr.aws/docker/library/golang:1.23rc1": {"golang", "1.23rc1", "", otherUserland},
		"golang":                     {"golang", "", "", otherUserland},
		"golang:1":                   {"golang", "", "", otherUserland},
		"golang:alpine":              {"golang", "", "", otherUserland},
		"localhost:5000/golang:1.22": {"localhost:5000/golang", "", "", otherUserland},
		"scratch":                    {"scratch", "", "", noLibc},
		"gcr.io/distroless/static":   {"gcr.io/distroless/static", "", "", noLibc},
		"gcr.io/distroless/static-debian12:nonroot":       {"gcr.io/distroless/static-debian12", "", "", noLibc},
		"gcr.io/distroless/base-debian12":                 {"gcr.io/distroless/base-debian12", "", "", otherUserland},
		"library/alpine:3":                                {"alpine", "", "", musl},
		"example.com/alpine":                              {"example.com/alpine", "", "", otherUserland},
		"cgr.dev/chainguard/static:latest":                {"cgr.dev/chainguard/static", "", "", noLibc},
		"mirror.gcr.io/library/golang:1.24-windowsserver": {"golang", "1.24", "-windowsserver", otherUserland},
	} {
		p, err := LoadReader(t.TempDir(), strings.NewReader("FROM "+source+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		img := p.Dockerfiles[0].stages[0].image
		tag, _ := img.goTag()
		if img.name != want.name || tag.version.String() != want.version || tag.suffix != want.suffix || img.userland() != want.userland {
			t.Errorf("%s: %q %q %q %v", source, img.name, tag.version.String(), tag.suffix, img.userland())
		}
	}
}
