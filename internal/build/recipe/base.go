package recipe

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/davit-dev/davit/internal/build/recipe/gocmd"
	"github.com/davit-dev/davit/internal/build/recipe/script"
)

// kind is what a stage begins with.
type kind int

const (
	fromScratch kind = iota
	fromStage
	fromGolang
	fromImage
)

// base is what FROM says.
type base struct {
	kind     kind
	name     string // with the variables put in
	stage    int    // of fromStage
	platform platform
	system   script.System
	release  string // of fromGolang, "1.22" or "1.22.3"; "" for the newest
	exact    bool   // the release is a single one
	foreign  string // why it is not native
}

func (p *Plan) resolveBase(f *file, i int) (base, error) {
	st := f.stages[i]
	fail := func(err error) (base, error) {
		return base{}, &Error{File: f.name, Line: lineOf(st.Location), Err: err}
	}
	name, err := putIn(f.lex, st.BaseName, f.globals)
	if err != nil {
		return fail(err)
	}
	if name == "" {
		return fail(fmt.Errorf("FROM %s comes to nothing: give the argument a default, or pass it with --build-arg", st.BaseName))
	}
	b := base{kind: fromImage, name: name, platform: p.platform}
	if st.Platform != "" {
		text, err := putIn(f.lex, st.Platform, f.globals)
		if err == nil {
			b.platform, err = parsePlatform(text)
		}
		if err != nil {
			return fail(err)
		}
	}
	if b.platform.os != "linux" {
		b.foreign = "images for " + b.platform.os + " are not built"
	}
	if stage, found := f.stage(name, i); found {
		b.kind, b.stage = fromStage, stage
		b.platform, b.system = f.bases[stage].platform, f.bases[stage].system
		return b, nil
	}
	if name == "scratch" {
		b.kind = fromScratch
		return b, nil
	}
	b.describe()
	return b, nil
}

// describe says what the name of an image tells about it.
func (b *base) describe() {
	repository, tag, digest := splitReference(b.name)
	switch path.Base(repository) {
	case "alpine":
		b.system = script.Alpine
	case "debian", "ubuntu", "buildpack-deps":
		b.system = script.Debian
	}
	if !isGolang(repository) {
		return
	}
	b.kind, b.system = fromGolang, script.Debian
	if strings.Contains(tag, "alpine") {
		b.system = script.Alpine
	}
	release, exact, known := gocmd.Release(tag)
	switch {
	case tag == "" && digest:
		b.foreign = "the image does not say which Go it has; write golang:VERSION@sha256:…"
	case !known:
		b.foreign = fmt.Sprintf("golang:%s is not an image of a release of Go with modules for Linux", tag)
	}
	b.release, b.exact = release, exact
}

// splitReference splits "registry/repository:tag@digest".
func splitReference(name string) (repository, tag string, digest bool) {
	repository, _, digest = strings.Cut(name, "@")
	if i := strings.LastIndexByte(repository, ':'); i > strings.LastIndexByte(repository, '/') {
		return repository[:i], repository[i+1:], digest
	}
	return repository, "", digest
}

// isGolang tells whether a repository is the official Go image, or a copy of it
// that says so by its name.
func isGolang(repository string) bool {
	for _, host := range []string{"docker.io/", "index.docker.io/", "registry-1.docker.io/", "mirror.gcr.io/"} {
		repository = strings.TrimPrefix(repository, host)
	}
	return repository == "golang" || repository == "library/golang" || strings.HasSuffix(repository, "/library/golang")
}

// shell tells whether an image is known to have no shell.
func (b base) shellLess() bool {
	repository, tag, _ := splitReference(b.name)
	return b.kind == fromScratch ||
		strings.HasPrefix(repository, "gcr.io/distroless/") && !strings.Contains(tag, "debug")
}

var errNoImage = errors.New("no base images are at hand")

// toolchain is what GOTOOLCHAIN is set to for a stage, given the Go of this
// machine, "go1.26.8". A release before 1.13 and an image for all patches of a release get this machine's
// Go, the second when that is not older: which patch is the newest changes, and each of them
// compiles what an older release does.
func (b base) toolchain(here string) string {
	switch {
	case b.release == "" || b.release == "1" || "go"+b.release == here:
		return ""
	case minor("go"+b.release) < firstTrimpath:
		return ""
	case b.exact:
		return "go" + b.release
	case minor("go"+b.release) <= minor(here):
		return ""
	case minor("go"+b.release) < firstWithZero:
		return "go" + b.release
	}
	return "go" + b.release + ".0"
}

const (
	firstWithZero = 21 // the first Go 1.x whose first release is called 1.x.0
	firstTrimpath = 13 // the first one that can leave the names of folders out of programs
	firstModules  = 13 // the first one that looks for go.mod wherever it is
)

func minor(release string) int {
	n := 0
	_, _ = fmt.Sscanf(release, "go1.%d", &n) // 0 for what is no release
	return n
}
