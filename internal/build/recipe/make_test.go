package recipe_test

import (
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/build/layer"
	"github.com/davit-dev/davit/internal/build/recipe"
)

const projectMakefile = `BINARY  := app
VERSION ?= dev
WHO     := $(shell whoami)
LDFLAGS := -s -w -X main.version=$(VERSION)

.PHONY: build test
build: bin/$(BINARY)

bin/$(BINARY): go.mod main.go | bin
	@echo "building $@"
	CGO_ENABLED=0 go build -ldflags '$(LDFLAGS)' -o $@ .

bin:
	@mkdir -p $@

test:
	go test ./...

sub:
	$(MAKE) -C tools VERSION=$(VERSION)

reach:
	cat /etc/passwd | ./scripts/x.sh
`

func makeSources() map[string]string {
	files := sources()
	files["Makefile"] = projectMakefile
	files["tools/Makefile"] = "all: ../out.txt\n../out.txt:\n\techo $(VERSION) $(origin VERSION) > $@\n"
	return files
}

// programOf returns the first program among layers.
func programOf(t *testing.T, layers [][]layer.Entry) string {
	t.Helper()
	for _, entries := range layers {
		for _, e := range entries {
			if e.Open == nil || !strings.HasPrefix(content(t, e), " ELF") {
				continue
			}
			r, err := e.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			data, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			return string(data)
		}
	}
	t.Fatal("there is no program in the layers")
	return ""
}

// A program that make builds is the one that its go build builds.
func TestMakeBuildsTheSameProgram(t *testing.T) {
	const head, tail = "FROM golang:1.22 AS b\nWORKDIR /src\nCOPY . .\n", "\nFROM scratch\nCOPY --from=b /src/bin/app /app\n"
	var programs []string
	for _, line := range []string{
		"RUN make VERSION=v7 build",
		"RUN VERSION=v7 make",
		`RUN mkdir bin && CGO_ENABLED=0 go build -ldflags "-s -w -X main.version=v7" -o bin/app .`,
	} {
		result, err := buildPlanned(t, head+line+tail, makeSources())
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		programs = append(programs, programOf(t, result.Layers))
	}
	if programs[0] != programs[2] || programs[1] != programs[2] {
		t.Error("make and go build give different programs")
	}
	if !strings.Contains(programs[0], "v7") {
		t.Error("the version is not in the program")
	}
}

// buildPlanned plans with the context, as the command does, and builds.
func buildPlanned(t *testing.T, dockerfile string, files map[string]string) (recipe.Result, error) {
	t.Helper()
	dir := folder(t, files)
	plan, err := recipe.Parse([]byte(dockerfile), recipe.Options{Context: dir})
	if err != nil {
		return recipe.Result{}, err
	}
	return plan.Run(t.Context(), dir, world(t))
}

// TestMakeFiles looks at what recipes leave in the tree.
func TestMakeFiles(t *testing.T) {
	for name, test := range map[string]struct{ dockerfile, want string }{
		"recursion": {"FROM golang:1.22 AS b\nWORKDIR /s\nCOPY . .\nRUN make sub VERSION=v2\nFROM scratch\nCOPY --from=b /s/out.txt /\n", "out.txt 644 0:0 v2 command line\\n\n"},
		"folder":    {"FROM golang:1.22 AS b\nCOPY . /s\nRUN make -C /s/tools -j4\nFROM scratch\nCOPY --from=b /s/out.txt /\n", "out.txt 644 0:0 undefined\\n\n"},
		"file":      {"FROM golang:1.22 AS b\nWORKDIR /s\nCOPY tools/Makefile x.mk\nRUN cd /s && VERSION=e make -f x.mk\nFROM scratch\nCOPY --from=b /out.txt /\n", "out.txt 644 0:0 e environment\\n\n"},
		"mount":     {"FROM golang:1.22 AS b\nWORKDIR /s/tools\nRUN --mount=type=bind,source=tools,target=/s/tools make\nFROM scratch\nCOPY --from=b /s/out.txt /\n", "out.txt 644 0:0 undefined\\n\n"},
		"remake":    {"FROM golang:1.22 AS b\nWORKDIR /s\nCOPY . .\nRUN echo old > out.txt && make -B sub\nFROM scratch\nCOPY --from=b /s/out.txt /\n", "out.txt 644 0:0 dev command line\\n\n"},
		"stage":     {"FROM alpine AS a\nCOPY . /x\nFROM golang:1.21-alpine AS b\nRUN apk add make\nCOPY --from=a /x/tools /s/\nWORKDIR /s\nRUN make\nFROM scratch\nCOPY --from=b /out.txt /\n", "out.txt 644 0:0 undefined\\n\n"},
		"heredoc":   {"FROM golang:1.22 AS b\nWORKDIR /s\nCOPY <<EOF Makefile\na:\n\t@echo made > a\nEOF\nCOPY go.mod .\nRUN make\nFROM scratch\nCOPY --from=b /s/a /\n", "a 644 0:0 made\\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := buildPlanned(t, test.dockerfile, makeSources())
			if err != nil {
				t.Fatal(err)
			}
			if got := list(t, result.Layers); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// TestMakeForeign names the line of the makefile that is not executed here.
func TestMakeForeign(t *testing.T) {
	const head = "FROM golang:1.22\nWORKDIR /src\nCOPY . .\n"
	for dockerfile, want := range map[string]string{
		head + "RUN make test":                            "4: Makefile:17: go test runs programs of the repository",
		head + "RUN make reach":                           "4: Makefile:23: ./scripts/x.sh is a program",
		head + "RUN make nothing":                         "4: make: no rule to make target nothing",
		head + "RUN make -f none":                         "4: there is no none in /src",
		head + "RUN make -n":                              "4: make: flag -n is not understood",
		head + "RUN X=$(make build)":                      "4: what make prints is not understood",
		head + "RUN MAKEFLAGS=-n make":                    "4: make with MAKEFLAGS or MAKEFILES in the environment is not understood",
		"FROM golang:1.22\nRUN make":                      "2: there is no Makefile in /go",
		"FROM golang:1.22-alpine\nCOPY . .\nRUN make":     "3: the image has no make",
		head + "RUN make -f hidden.mk":                    "4: there is no hidden.mk in /src",
		head + "RUN make -f loop.mk":                      "4: make calls make more than 10 times",
		head + "RUN make -f zsh.mk":                       "4: zsh.mk:3: SHELL = /bin/zsh is not understood",
		head + "ENV GOFLAGS=-mod=mod\nRUN make -f env.mk": "5: env.mk:2: GOFLAGS: flag -toolexec is not understood",
	} {
		files := makeSources()
		maps.Copy(files, map[string]string{
			".dockerignore": "hidden.mk\n", "hidden.mk": "a:\n", "loop.mk": "a:\n\t$(MAKE) -f loop.mk\n",
			"zsh.mk": "SHELL = /bin/zsh\na:\n\techo a\n", "env.mk": "a:\n\tgo build\nGOFLAGS += -toolexec=./evil\n",
		})
		plan, err := recipe.Parse([]byte(dockerfile), recipe.Options{Context: folder(t, files)})
		switch {
		case err != nil:
			t.Errorf("%q: %v", dockerfile, err)
		case plan.Native():
			t.Errorf("%q is said to be native", dockerfile)
		default:
			got := strings.TrimPrefix(plan.Reason.Error(), "Dockerfile:")
			line, reason := plan.Reason.Line, plan.Reason.Reason
			if !strings.HasPrefix(got, strings.SplitN(want, ":", 2)[0]+":") || !strings.Contains(reason, strings.SplitN(want, ": ", 2)[1]) {
				t.Errorf("%q: got %d: %s, want %s", dockerfile, line, reason, want)
			}
		}
	}
}

// A makefile of a link out of the context is not read.
func TestMakefileStaysInside(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "Makefile")
	if err := os.WriteFile(outside, []byte("all:\n\techo a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := folder(t, sources())
	if err := os.Symlink(outside, filepath.Join(dir, "Makefile")); err != nil {
		t.Fatal(err)
	}
	plan, err := recipe.Parse([]byte("FROM golang:1.22\nWORKDIR /s\nCOPY . .\nRUN make\n"), recipe.Options{Context: dir})
	if err != nil || plan.Native() || !strings.Contains(plan.Reason.Reason, "there is no Makefile") {
		t.Errorf("%v, %+v", err, plan)
	}
}
