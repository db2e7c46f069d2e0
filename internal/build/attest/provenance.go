package attest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/davit-dev/davit/internal/build/sbom"
)

// BuildType says how the parameters of a provenance are to be read.
const BuildType = "https://github.com/davit-dev/davit/build/v1"

// builderID is who built: davit, on the machine of whoever holds the key.
const builderID = "https://github.com/davit-dev/davit"

// What a resolved dependency is.
const (
	sourceName    = "source"
	toolchainName = "toolchain"
	baseName      = "base"
	pinName       = "davit.lock"
)

// treeAlgorithm is the digest of source.Tree: SHA-256 over path, mode and
// content of the module's files.
const treeAlgorithm = "davitTree"

// provenance is the predicate of SLSA Provenance v1.
type provenance struct {
	Definition definition `json:"buildDefinition"`
	Run        run        `json:"runDetails"`
}

type definition struct {
	BuildType    string     `json:"buildType"`
	External     external   `json:"externalParameters"`
	Internal     internal   `json:"internalParameters"`
	Dependencies []Resource `json:"resolvedDependencies"`
}

// external is what whoever asked for the build could choose.
type external struct {
	Source     string          `json:"source"` // URI of the repository; "" without one
	Parameters json.RawMessage `json:"build"`
}

type internal struct {
	Toolchain string   `json:"toolchain"`
	Platforms []string `json:"platforms,omitempty"`
}

type run struct {
	Builder builder `json:"builder"`
}

type builder struct {
	ID      string            `json:"id"`
	Version map[string]string `json:"version,omitempty"`
}

// Provenance says how the image came to be (SLSA Provenance v1). It holds no
// time and no name of a machine, so that the same build says the same.
func Provenance(f sbom.Facts) (Statement, error) {
	if err := f.Validate(); err != nil {
		return Statement{}, fmt.Errorf("make provenance: %w", err)
	}
	parameters := json.RawMessage("{}")
	if len(f.Parameters) > 0 {
		var compact bytes.Buffer
		if err := json.Compact(&compact, f.Parameters); err != nil {
			return Statement{}, fmt.Errorf("make provenance: %w", err)
		}
		parameters = compact.Bytes()
	}
	p := provenance{
		Definition: definition{
			BuildType:    BuildType,
			External:     external{Source: gitURI(f.Source.Repository), Parameters: parameters},
			Internal:     internal{Toolchain: f.Toolchain, Platforms: f.Platforms},
			Dependencies: dependencies(f),
		},
		Run: run{Builder: builder{ID: builderID}},
	}
	if f.Builder != "" {
		p.Run.Builder.Version = map[string]string{"davit": f.Builder}
	}
	predicate, err := json.Marshal(p)
	if err != nil {
		return Statement{}, fmt.Errorf("make provenance: %w", err)
	}
	return NewStatement(f.Name, f.Digest, ProvenanceType, predicate)
}

func gitURI(repository string) string {
	if repository == "" || strings.HasPrefix(repository, "git+") {
		return repository
	}
	return "git+" + repository
}

// dependencies are what went into the build, by digest.
func dependencies(f sbom.Facts) []Resource {
	list := []Resource{sourceOf(f.Source)}
	if f.Toolchain != "" {
		version, _, _ := strings.Cut(strings.TrimPrefix(f.Toolchain, "go"), " ")
		list = append(list, Resource{Name: toolchainName, URI: sbom.GoPURL("golang.org/toolchain", "v0.0.1-go"+version)})
	}
	if f.Base.Name != "" {
		list = append(list, imageOf(baseName, sbom.Pin{Reference: f.Base.Name, Digest: f.Base.Digest}))
	}
	for _, pin := range f.Pins {
		list = append(list, imageOf(pinName, pin))
	}
	return append(list, modules(f.Binaries)...)
}

func sourceOf(s sbom.Source) Resource {
	r := Resource{Name: sourceName, URI: gitURI(s.Repository), Digest: map[string]string{}}
	if s.Revision != "" {
		r.Digest["gitCommit"] = s.Revision
	}
	if s.Tree != "" {
		r.Digest[treeAlgorithm] = strings.TrimPrefix(s.Tree, "sha256:")
	}
	if s.Dirty {
		r.Annotations = map[string]string{"changed": "true"}
	}
	return r
}

// The annotations of an image among the dependencies.
const (
	referenceAnnotation = "reference"
	platformAnnotation  = "platform"
)

// imageOf is an image, or a base that davit makes, which has no digest.
func imageOf(name string, p sbom.Pin) Resource {
	r := Resource{Name: name, URI: builderID + "/base/" + p.Reference, Annotations: map[string]string{referenceAnnotation: p.Reference}}
	if p.Digest != "" {
		r.URI = sbom.ImagePURL(sbom.Repository(p.Reference), p.Digest)
		r.Digest = map[string]string{"sha256": strings.TrimPrefix(p.Digest, "sha256:")}
	}
	if p.Platform != "" {
		r.Annotations[platformAnnotation] = p.Platform
	}
	return r
}

// modules are those that were linked into any of the programs, in the order of
// the first that has them. A folder in the place of a module is of the source.
func modules(binaries []sbom.Binary) []Resource {
	var list []Resource
	known := map[string]bool{}
	for _, binary := range binaries {
		if binary.Info == nil {
			continue
		}
		for _, dep := range binary.Info.Deps {
			uri, sum := compiled(dep)
			if uri == "" || known[uri] {
				continue
			}
			known[uri] = true
			r := Resource{URI: uri}
			if hex := sbom.DirHash(sum); hex != "" {
				r.Digest = map[string]string{"dirHash": hex}
			}
			list = append(list, r)
		}
	}
	return list
}

// compiled returns the module whose files were compiled in the place of m.
func compiled(m *debug.Module) (uri, sum string) {
	for m != nil && m.Replace != nil {
		m = m.Replace
	}
	if m == nil || m.Version == "" || m.Version == "(devel)" {
		return "", ""
	}
	return sbom.GoPURL(m.Path, m.Version), m.Sum
}
