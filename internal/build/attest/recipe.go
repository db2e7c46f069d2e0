package attest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/davit-dev/davit/internal/build/sbom"
)

// Recipe is what a provenance says that it takes to build the image again.
type Recipe struct {
	Subjects   []Resource // the images it is about
	Parameters json.RawMessage
	Toolchain  string // such as go1.26.8
	Platforms  []string
	Source     sbom.Source
	Base       sbom.Pin // its Digest is "" for a base that davit makes
	Pins       []sbom.Pin
	Builder    string // davit's version
}

var (
	hexDigest  = regexp.MustCompile(`^[0-9a-f]{64}$`)
	gitCommit  = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
	goReleased = regexp.MustCompile(`^(devel )?go1[0-9A-Za-z.+:, -]*$`)
)

// ReadRecipe reads back what Provenance wrote. It refuses a provenance of
// another builder or with fields in another form, since what it returns is
// handed to git, the go command and registries.
func ReadRecipe(s Statement) (Recipe, error) {
	if s.PredicateType != ProvenanceType {
		return Recipe{}, fmt.Errorf("read provenance: it is a statement of the type %s, not %s", s.PredicateType, ProvenanceType)
	}
	var p provenance
	if err := json.Unmarshal(s.Predicate, &p); err != nil {
		return Recipe{}, fmt.Errorf("read provenance: %w", err)
	}
	if p.Definition.BuildType != BuildType {
		return Recipe{}, fmt.Errorf("read provenance: the image was built as %q; davit can build again what davit built (%s)", p.Definition.BuildType, BuildType)
	}
	r := Recipe{
		Subjects: s.Subject, Parameters: p.Definition.External.Parameters,
		Toolchain: p.Definition.Internal.Toolchain, Platforms: p.Definition.Internal.Platforms,
		Builder: p.Run.Builder.Version["davit"],
	}
	if r.Toolchain != "" && !goReleased.MatchString(r.Toolchain) {
		return Recipe{}, fmt.Errorf("read provenance: %q is not a Go toolchain", r.Toolchain)
	}
	for _, d := range p.Definition.Dependencies {
		if err := r.add(d); err != nil {
			return Recipe{}, fmt.Errorf("read provenance: %s: %w", d.Name, err)
		}
	}
	return r, nil
}

// add takes over a dependency that has to be there before the build.
func (r *Recipe) add(d Resource) error {
	switch d.Name {
	case sourceName:
		return r.addSource(d)
	case baseName:
		r.Base.Reference = d.Annotations[referenceAnnotation]
		return setDigest(&r.Base.Digest, d.Digest["sha256"])
	case pinName:
		pin := sbom.Pin{Reference: d.Annotations[referenceAnnotation], Platform: d.Annotations[platformAnnotation]}
		if err := setDigest(&pin.Digest, d.Digest["sha256"]); err != nil {
			return err
		}
		r.Pins = append(r.Pins, pin)
	}
	return nil
}

func (r *Recipe) addSource(d Resource) error {
	revision := d.Digest["gitCommit"]
	if revision != "" && !gitCommit.MatchString(revision) {
		return fmt.Errorf("%q is not a commit", revision)
	}
	repository := strings.TrimPrefix(d.URI, "git+")
	if strings.HasPrefix(repository, "-") {
		return fmt.Errorf("%q is not a repository", repository)
	}
	r.Source = sbom.Source{Repository: repository, Revision: revision, Dirty: d.Annotations["changed"] == "true"}
	return setDigest(&r.Source.Tree, d.Digest[treeAlgorithm])
}

func setDigest(to *string, hex string) error {
	switch {
	case hex == "":
		*to = ""
	case !hexDigest.MatchString(hex):
		return fmt.Errorf("%q is not a SHA-256 digest", hex)
	default:
		*to = "sha256:" + hex
	}
	return nil
}
