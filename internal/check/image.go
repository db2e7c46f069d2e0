package check

import (
	"go/version"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
)

// image is an image reference in a FROM, taken apart.
type image struct {
	text   dockerfile.Text
	known  bool
	name   string // without tag and digest, Docker Hub's prefixes taken off
	tag    dockerfile.Text
	digest bool
}

// readImage takes a reference apart as the OCI distribution specification's
// grammar does: the tag follows the last colon after the last slash.
func readImage(e dockerfile.Expanded) image {
	text := e.String()
	img := image{text: e.Text, known: e.Known}
	end := len(text)
	if at := strings.IndexByte(text, '@'); at >= 0 {
		end, img.digest = at, true
	}
	nameEnd := end
	if colon := strings.LastIndexByte(text[:end], ':'); colon > strings.LastIndexByte(text[:end], '/') {
		nameEnd = colon
		img.tag = e.Slice(colon+1, end)
	}
	img.name = text[:nameEnd]
	for _, prefix := range []string{"docker.io/", "index.docker.io/", "registry-1.docker.io/", "public.ecr.aws/docker/", "mirror.gcr.io/"} {
		if rest, found := strings.CutPrefix(img.name, prefix); found {
			img.name = rest
			break
		}
	}
	img.name = strings.TrimPrefix(img.name, "library/")
	return img
}

// isGolang says that it is the official golang image, or a mirror of it.
func (i image) isGolang() bool { return i.name == "golang" }

// goTag is the tag of a golang image, taken apart: 1.22.3-alpine3.19.
type goTag struct {
	version dockerfile.Text // "1.22.3"
	suffix  string          // "-alpine3.19"
}

// goTag fails on tags that name no version, such as latest or 1-alpine.
func (i image) goTag() (goTag, bool) {
	text := i.tag.String()
	end := strings.IndexByte(text, '-')
	if end < 0 {
		end = len(text)
	}
	v := text[:end]
	if !i.known || !i.isGolang() || strings.Count(v, ".") == 0 || !version.IsValid("go"+v) {
		return goTag{}, false
	}
	return goTag{version: i.tag.Slice(0, end), suffix: text[end:]}, true
}

// older says whether the Go of the tag is older than a version of go.mod. A tag
// without patch, such as 1.22, is the newest patch of its line.
func (t goTag) older(than string) bool {
	have, want := "go"+t.version.String(), "go"+than
	if version.Lang(have) == have {
		return version.Compare(have, version.Lang(want)) < 0
	}
	return version.Compare(have, want) < 0
}

// before says whether the Go of the tag is from before a line such as "1.21".
func (t goTag) before(line string) bool {
	return version.Compare(version.Lang("go"+t.version.String()), "go"+line) < 0
}

// floating says whether the suffix is one that every version of Go has: none,
// or -alpine. The releases of Debian, Alpine and Windows come and go.
func (t goTag) floating() bool { return t.suffix == "" || t.suffix == "-alpine" }

// userland is what an image offers to a program that is not static.
type userland int

const (
	otherUserland userland = iota // not known
	noLibc                        // nothing: scratch and distroless static
	musl                          // Alpine
)

func (i image) userland() userland {
	base := i.name[strings.LastIndexByte(i.name, '/')+1:]
	switch {
	case !i.known:
		return otherUserland
	case i.name == "scratch":
		return noLibc
	case strings.HasPrefix(i.name, "gcr.io/distroless/") && (base == "static" || strings.HasPrefix(base, "static-debian")):
		return noLibc
	case i.name == "cgr.dev/chainguard/static":
		return noLibc
	case i.name == "alpine":
		return musl
	}
	return otherUserland
}

// linkedTo returns the libc that a Go program built in the image is linked to
// when cgo is on, given the packages that were installed there. It is empty
// when cgo is off by default, as it is since Go 1.20 without a C compiler, and
// when the image is not known well enough.
func (i image) linkedTo(installed []string) string {
	if !i.isGolang() || !i.known {
		return ""
	}
	tag := i.tag.String()
	if strings.Contains(tag, "windows") || strings.Contains(tag, "nanoserver") {
		return ""
	}
	if !strings.Contains(tag, "alpine") {
		return "glibc"
	}
	t, versioned := i.goTag()
	compiler := slices.ContainsFunc(installed, func(p string) bool {
		return slices.Contains([]string{"gcc", "g++", "clang", "build-base", "alpine-sdk"}, p)
	})
	if compiler || versioned && t.before("1.20") {
		return "musl"
	}
	return ""
}
