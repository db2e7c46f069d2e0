package project

import (
	"os/exec"
	"strings"
	"testing"
)

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
		userland              Userland
	}{
		"golang:1.22.3-alpine3.19":                     {"golang", "1.22.3", "-alpine3.19", OtherUserland},
		"docker.io/library/golang:1.22@sha256:00":      {"golang", "1.22", "", OtherUserland},
		"public.ecr.aws/docker/library/golang:1.23rc1": {"golang", "1.23rc1", "", OtherUserland},
		"golang":                     {"golang", "", "", OtherUserland},
		"golang:1":                   {"golang", "", "", OtherUserland},
		"golang:alpine":              {"golang", "", "", OtherUserland},
		"localhost:5000/golang:1.22": {"localhost:5000/golang", "", "", OtherUserland},
		"scratch":                    {"scratch", "", "", NoLibc},
		"gcr.io/distroless/static":   {"gcr.io/distroless/static", "", "", NoLibc},
		"gcr.io/distroless/static-debian12:nonroot":       {"gcr.io/distroless/static-debian12", "", "", NoLibc},
		"gcr.io/distroless/base-debian12":                 {"gcr.io/distroless/base-debian12", "", "", OtherUserland},
		"library/alpine:3":                                {"alpine", "", "", Musl},
		"example.com/alpine":                              {"example.com/alpine", "", "", OtherUserland},
		"cgr.dev/chainguard/static:latest":                {"cgr.dev/chainguard/static", "", "", NoLibc},
		"mirror.gcr.io/library/golang:1.24-windowsserver": {"golang", "1.24", "-windowsserver", OtherUserland},
	} {
		p, err := LoadReader(t.TempDir(), strings.NewReader("FROM "+source+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		img := p.Dockerfiles[0].Stages[0].Base
		tag, _ := img.GoTag()
		if img.Name != want.name || tag.Version.String() != want.version || tag.Suffix != want.suffix || img.Userland() != want.userland {
			t.Errorf("%s: %q %q %q %v", source, img.Name, tag.Version.String(), tag.Suffix, img.Userland())
		}
	}
}
