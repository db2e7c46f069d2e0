package explain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/davit-dev/davit/internal/build/attest"
)

// Options say how images are found. The zero value takes the machine's own
// platform and believes any provenance.
type Options struct {
	Platform *v1.Platform      // of an index; nil for the machine's, or the only one
	Key      *attest.PublicKey // that has to have signed the provenance; nil for anybody
	Remote   []remote.Option   // for registries
}

// Opened is an image that can be read.
type Opened struct {
	Image v1.Image
	// Named is what the reference stands for in a registry: the index or the
	// image. It is the zero value for what lies on the disk.
	Named name.Digest
}

// Open finds the image that where names: a folder with an OCI layout, a tar
// archive with one or as docker save writes it, else a reference in a registry.
func Open(ctx context.Context, where string, o Options) (Opened, error) {
	info, err := os.Stat(where)
	var opened Opened
	switch {
	case err == nil && info.IsDir():
		opened.Image, err = openLayout(where, o)
	case err == nil:
		opened.Image, err = openArchive(where, o)
	default:
		opened, err = openRemote(ctx, where, o)
	}
	if err != nil {
		return Opened{}, fmt.Errorf("open image %s: %w", where, err)
	}
	return opened, nil
}

// Load opens and describes an image, with the provenance beside it.
func Load(ctx context.Context, where string, o Options) (Description, error) {
	opened, err := Open(ctx, where, o)
	if err != nil {
		return Description{}, err
	}
	d, err := Describe(ctx, opened.Image)
	if err != nil {
		return Description{}, err
	}
	d.Provenance, err = opened.recipe(ctx, o)
	return d, err
}

// recipe reads the provenance beside the image, or beside the index that it was
// picked from. Where there is none it returns nil.
func (o Opened) recipe(ctx context.Context, options Options) (*attest.Recipe, error) {
	if o.Named.DigestStr() == "" {
		return nil, nil
	}
	digest, err := o.Image.Digest()
	if err != nil {
		return nil, fmt.Errorf("read image %s: %w", o.Named, err)
	}
	for _, image := range []name.Digest{o.Named, o.Named.Context().Digest(digest.String())} {
		found, err := attest.Statements(ctx, image, attest.ProvenanceType, options.Key, options.Remote...)
		if errors.Is(err, attest.ErrNoStatement) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, statement := range found {
			if recipe, err := attest.ReadRecipe(statement); err == nil {
				return &recipe, nil // others are of other builders
			}
		}
	}
	return nil, nil
}

func openLayout(dir string, o Options) (v1.Image, error) {
	if _, err := os.Stat(filepath.Join(dir, "oci-layout")); err != nil {
		return nil, errors.New("the folder holds no OCI layout (there is no file oci-layout in it)")
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	return pick(index, o)
}

// openArchive opens a tar archive. Those of docker save may hold an OCI layout
// too, which says more, so it comes first.
func openArchive(path string, o Options) (v1.Image, error) {
	archive, err := readArchive(path)
	if err != nil {
		return nil, err
	}
	if _, found := archive.files["index.json"]; found {
		index, err := archive.index()
		if err != nil {
			return nil, err
		}
		return pick(index, o)
	}
	if _, found := archive.files["manifest.json"]; !found {
		return nil, errors.New("it is not an image (there is neither index.json nor manifest.json in it)")
	}
	return tarball.ImageFromPath(path, nil)
}

func openRemote(ctx context.Context, text string, o Options) (Opened, error) {
	ref, err := name.ParseReference(text)
	if err != nil {
		return Opened{}, fmt.Errorf("there is no such file, and it is not a reference: %w", err)
	}
	found, err := remote.Get(ref, append(slices.Clone(o.Remote), remote.WithContext(ctx))...)
	if err != nil {
		return Opened{}, err
	}
	opened := Opened{Named: ref.Context().Digest(found.Digest.String())}
	if !found.MediaType.IsIndex() {
		opened.Image, err = found.Image()
		return opened, err
	}
	index, err := found.ImageIndex()
	if err != nil {
		return Opened{}, err
	}
	opened.Image, err = pick(index, o)
	return opened, err
}

// pick takes the image of a platform out of an index, also out of one in it.
func pick(index v1.ImageIndex, o Options) (v1.Image, error) {
	images, err := flatten(index, 0)
	if err != nil {
		return nil, err
	}
	if len(images) == 1 && o.Platform == nil {
		return images[0].index.Image(images[0].Digest)
	}
	want := v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
	if o.Platform != nil {
		want = *o.Platform
	}
	var names []string
	for _, d := range images {
		if d.Platform == nil {
			names = append(names, d.Digest.String())
			continue
		}
		if d.Platform.Satisfies(want) {
			return d.index.Image(d.Digest)
		}
		names = append(names, d.Platform.String())
	}
	return nil, fmt.Errorf("it has no image for %s (there are: %s); name a platform that is there", want, strings.Join(names, ", "))
}

// listed is an image in an index.
type listed struct {
	v1.Descriptor
	index v1.ImageIndex
}

// maxDepth is how deep indexes may lie in each other: a layout's own, the one
// of an image, and one to spare.
const maxDepth = 3

func flatten(index v1.ImageIndex, depth int) ([]listed, error) {
	if depth == maxDepth {
		return nil, errors.New("indexes lie in indexes, too deep")
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var all []listed
	for _, d := range manifest.Manifests {
		switch {
		case d.MediaType.IsIndex():
			below, err := index.ImageIndex(d.Digest)
			if err != nil {
				return nil, err
			}
			images, err := flatten(below, depth+1)
			if err != nil {
				return nil, err
			}
			all = append(all, images...)
		case !d.MediaType.IsImage() || !isOfImage(d.ArtifactType) || isAttestation(d):
		case slices.ContainsFunc(all, func(l listed) bool { return l.Digest == d.Digest }): // with two tags
		default:
			all = append(all, listed{d, index})
		}
	}
	return all, nil
}

// isOfImage tells the images in an index from artifacts. An image has no type, or
// that of its configuration.
func isOfImage(artifactType string) bool {
	return artifactType == "" || types.MediaType(artifactType).IsConfig()
}

// isAttestation knows what BuildKit puts into an index beside the images.
func isAttestation(d v1.Descriptor) bool {
	return d.Platform != nil && d.Platform.OS == "unknown" || d.Annotations["vnd.docker.reference.type"] != ""
}
