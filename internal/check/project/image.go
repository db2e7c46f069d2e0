package project

import (
	"go/version"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
)

// Image is an image reference in a FROM, taken apart.
type Image struct {
	Text   dockerfile.Text
	Known  bool
	Name   string // without tag and digest, Docker Hub's prefixes taken off
	Tag    dockerfile.Text
	Digest bool
}

// readImage takes a reference apart as the OCI distribution specification's
// grammar does: the tag follows the last colon after the last slash.
func readImage(e dockerfile.Expanded) Image {
	text := e.String()
	img := Image{Text: e.Text, Known: e.Known}
	end := len(text)
	if at := strings.IndexByte(text, '@'); at >= 0 {
		end, img.Digest = at, true
	}
	nameEnd := end
	if colon := strings.LastIndexByte(text[:end], ':'); colon > strings.LastIndexByte(text[:end], '/') {
		nameEnd = colon
		img.Tag = e.Slice(colon+1, end)
	}
	img.Name = text[:nameEnd]
	for _, prefix := range []string{"docker.io/", "index.docker.io/", "registry-1.docker.io/", "public.ecr.aws/docker/", "mirror.gcr.io/"} {
		if rest, found := strings.CutPrefix(img.Name, prefix); found {
			img.Name = rest
			break
		}
	}
	img.Name = strings.TrimPrefix(img.Name, "library/")
	return img
}

// IsGolang says that it is the official golang image, or a mirror of it.
func (i Image) IsGolang() bool { return i.Name == "golang" }

// GoTag is the tag of a golang image, taken apart: 1.22.3-alpine3.19.
type GoTag struct {
	Version dockerfile.Text // "1.22.3"
	Suffix  string          // "-alpine3.19"
}

// GoTag fails on tags that name no version, such as latest or 1-alpine.
func (i Image) GoTag() (GoTag, bool) {
	text := i.Tag.String()
	end := strings.IndexByte(text, '-')
	if end < 0 {
		end = len(text)
	}
	v := text[:end]
	if !i.Known || !i.IsGolang() || strings.Count(v, ".") == 0 || !version.IsValid("go"+v) {
		return GoTag{}, false
	}
	return GoTag{Version: i.Tag.Slice(0, end), Suffix: text[end:]}, true
}

// Older says whether the Go of the tag is older than a version of go.mod. A tag
// without patch, such as 1.22, is the newest patch of its line.
func (t GoTag) Older(than string) bool {
	have, want := "go"+t.Version.String(), "go"+than
	if version.Lang(have) == have {
		return version.Compare(have, version.Lang(want)) < 0
	}
	return version.Compare(have, want) < 0
}

// Before says whether the Go of the tag is from before a line such as "1.21".
func (t GoTag) Before(line string) bool {
	return version.Compare(version.Lang("go"+t.Version.String()), "go"+line) < 0
}

// Floating says whether the suffix is one that every version of Go has: none,
// or -alpine. The releases of Debian, Alpine and Windows come and go.
func (t GoTag) Floating() bool { return t.Suffix == "" || t.Suffix == "-alpine" }

// Userland is what an image offers to a program that is not static.
type Userland int

// The userlands that are told apart.
const (
	OtherUserland Userland = iota // not known
	NoLibc                        // nothing: scratch and distroless static
	Musl                          // Alpine
)

// Userland returns what the image offers.
func (i Image) Userland() Userland {
	base := i.Name[strings.LastIndexByte(i.Name, '/')+1:]
	switch {
	case !i.Known:
		return OtherUserland
	case i.Name == "scratch":
		return NoLibc
	case strings.HasPrefix(i.Name, "gcr.io/distroless/") && (base == "static" || strings.HasPrefix(base, "static-debian")):
		return NoLibc
	case i.Name == "cgr.dev/chainguard/static":
		return NoLibc
	case i.Name == "alpine":
		return Musl
	}
	return OtherUserland
}

// LinkedTo returns the libc that a Go program built in the image is linked to
// when cgo is on, given the packages that were installed there. It is empty
// when cgo is off by default, as it is since Go 1.20 without a C compiler, and
// when the image is not known well enough.
func (i Image) LinkedTo(installed []string) string {
	if !i.IsGolang() || !i.Known {
		return ""
	}
	tag := i.Tag.String()
	if strings.Contains(tag, "windows") || strings.Contains(tag, "nanoserver") {
		return ""
	}
	if !strings.Contains(tag, "alpine") {
		return "glibc"
	}
	t, versioned := i.GoTag()
	compiler := slices.ContainsFunc(installed, func(p string) bool {
		return slices.Contains([]string{"gcc", "g++", "clang", "build-base", "alpine-sdk"}, p)
	})
	if compiler || versioned && t.Before("1.20") {
		return "musl"
	}
	return ""
}

// Lacks says that programs linked to a libc do not start in the image.
func (i Image) Lacks(libc string) bool {
	has := i.Userland()
	return has == NoLibc || has == Musl && libc == "glibc"
}
