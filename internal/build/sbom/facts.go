// Package sbom turns what a build knows of an image into its bill of materials,
// as SPDX 2.3 and as CycloneDX 1.6, both JSON.
//
// Its invariant: the same facts make the same bytes. No clock, no random
// number and no order of a map gets into a document. It writes only what is
// known: a module that stands in a folder has no package URL, since the version
// that it names is not what was compiled. The package imports nothing of davit.
package sbom

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"runtime/debug"
	"time"
)

// Facts is what is known of an image or of an index of images.
type Facts struct {
	Name      string    // repository, such as ghcr.io/team/orders, or the bare name
	Digest    string    // "sha256:…" of the manifest or index
	Platforms []string  // such as linux/arm64; those of an index
	Created   time.Time // what the documents say; zero is 1970-01-01T00:00:00Z
	Builder   string    // davit's version

	Binaries []Binary
	Base     Base

	Source     Source
	Toolchain  string          // as runtime.Version says it, such as go1.26.8
	Parameters json.RawMessage // what the build was asked for, as JSON
	Pins       []Pin           // what davit.lock held
}

// Binary is a program in the image.
type Binary struct {
	Path   string           // in the image, from /
	SHA256 string           // of the file, in hexadecimal
	Info   *debug.BuildInfo // nil for what Go did not compile
}

// Base is what the image stands on.
type Base struct {
	Name      string // as the configuration has it: static, scratch or a reference
	Digest    string // "sha256:…"; "" for those that davit makes
	OS        string // ID of os-release, such as alpine or debian
	OSVersion string // VERSION_ID of os-release
	Packages  []Package
}

// Package is a package of the base's distribution.
type Package struct {
	Type         string // "apk" or "deb", as in a package URL
	Name         string
	Version      string
	Architecture string // in the distribution's words; may be empty
}

// Source is where the program's text comes from.
type Source struct {
	Repository string // URL without credentials; "" when there is none
	Revision   string // commit in hexadecimal; "" without git
	Dirty      bool   // whether Tree differs from Revision
	Tree       string // "sha256:…" over the module's files
}

// Pin is a reference with the digest that stands for it.
type Pin struct {
	Reference string
	Platform  string // "" for all
	Digest    string // "sha256:…"
}

var (
	digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	sumForm    = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// Validate says which fact has not the form that the documents need.
func (f Facts) Validate() error {
	var errs []error
	if f.Name == "" {
		errs = append(errs, errors.New("the image has no name"))
	}
	check := func(what, digest string) {
		if !digestForm.MatchString(digest) {
			errs = append(errs, fmt.Errorf("%s: %q is not a digest (sha256: and 64 hexadecimal digits)", what, digest))
		}
	}
	check("image", f.Digest)
	if f.Base.Digest != "" {
		check("base "+f.Base.Name, f.Base.Digest)
	}
	if f.Source.Tree != "" {
		check("source tree", f.Source.Tree)
	}
	for _, pin := range f.Pins {
		check(pin.Reference, pin.Digest)
	}
	for _, b := range f.Binaries {
		if !sumForm.MatchString(b.SHA256) {
			errs = append(errs, fmt.Errorf("%s: %q is not a SHA-256 sum in hexadecimal", b.Path, b.SHA256))
		}
	}
	if len(f.Parameters) > 0 && !json.Valid(f.Parameters) {
		errs = append(errs, errors.New("the parameters are not JSON"))
	}
	return errors.Join(errs...)
}

// created is the time in the documents (RFC 3339, UTC, whole seconds).
func (f Facts) created() string {
	at := f.Created
	if at.IsZero() {
		at = time.Unix(0, 0)
	}
	return at.UTC().Format("2006-01-02T15:04:05Z")
}
