package attest

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// DebugInfoType is the artifact type of programs with their debug information.
const DebugInfoType = "application/vnd.davit.debuginfo.v1"

// titleAnnotation is the file name that clients such as oras write to (OCI
// image-spec 1.1, annotations.md).
const titleAnnotation = "org.opencontainers.image.title"

// pathAnnotation says which file of the image an artifact belongs to.
const pathAnnotation = "dev.davit.image.path"

// Artifact is what is put beside an image: one blob with a type (OCI image-spec
// 1.1, manifest.md, "Guidelines for Artifact Usage").
type Artifact struct {
	Type        string // artifactType
	Annotations map[string]string
	content     content
}

// Document returns an artifact of a few bytes, which are of its type.
func Document(kind string, data []byte, annotations map[string]string) Artifact {
	digest, size, _ := v1.SHA256(bytes.NewReader(data)) // memory does not fail
	return Artifact{Type: kind, Annotations: annotations, content: content{
		mediaType: types.MediaType(kind), digest: digest, size: size,
		open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	}}
}

// DebugInfo returns the program in a file, which has its debug information, as
// an artifact beside the image in which the program without it is inImage. The
// file must lie still until the artifact is attached.
func DebugInfo(file, inImage string) (Artifact, error) {
	if err := hasDebugInfo(file); err != nil {
		return Artifact{}, fmt.Errorf("debug information of %s: %w", inImage, err)
	}
	f, err := os.Open(file)
	if err != nil {
		return Artifact{}, fmt.Errorf("debug information of %s: %w", inImage, err)
	}
	defer f.Close()
	digest, size, err := v1.SHA256(f)
	if err != nil {
		return Artifact{}, fmt.Errorf("debug information of %s: %w", inImage, err)
	}
	return Artifact{
		Type:        DebugInfoType,
		Annotations: map[string]string{pathAnnotation: inImage},
		content: content{
			mediaType: "application/vnd.davit.debuginfo.elf", digest: digest, size: size,
			annotations: map[string]string{titleAnnotation: path.Base(inImage) + ".debug"},
			open:        func() (io.ReadCloser, error) { return os.Open(file) },
		},
	}, nil
}

func hasDebugInfo(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	program, err := elf.NewFile(f)
	if err != nil {
		return err
	}
	if program.Section(".debug_info") == nil && program.Section(".zdebug_info") == nil {
		return errors.New("the program has none; it was linked with -w or -s, which build.ldflags may name")
	}
	return nil
}

// noConfig is the configuration of an artifact that has none (OCI image-spec 1.1,
// manifest.md, "Guidance for an Empty Descriptor").
func noConfig() content {
	c := Document("application/vnd.oci.empty.v1+json", []byte("{}"), nil).content
	c.inline = []byte("{}")
	return c
}

// manifest returns the manifest of the artifact beside a subject.
func (a Artifact) manifest(subject v1.Descriptor) (manifest, error) {
	raw, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: a.Type,
		Config: noConfig().descriptor(), Layers: []v1.Descriptor{a.content.descriptor()},
		Annotations: a.Annotations,
		Subject:     &v1.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
	})
	if err != nil {
		return manifest{}, fmt.Errorf("write manifest of %s: %w", a.Type, err)
	}
	digest, _, err := v1.SHA256(bytes.NewReader(raw))
	return manifest{raw: raw, digest: digest}, err
}

// manifest implements remote.Taggable.
type manifest struct {
	raw    []byte
	digest v1.Hash
}

// RawManifest implements remote.Taggable.
func (m manifest) RawManifest() ([]byte, error) { return m.raw, nil }

// MediaType says what is pushed.
func (manifest) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

// content is the blob of an artifact. It implements v1.Layer.
type content struct {
	mediaType   types.MediaType
	digest      v1.Hash
	size        int64
	inline      []byte
	annotations map[string]string
	open        func() (io.ReadCloser, error)
}

func (c content) descriptor() v1.Descriptor {
	return v1.Descriptor{
		MediaType: c.mediaType, Digest: c.digest, Size: c.size, Data: c.inline, Annotations: c.annotations,
	}
}

// Digest implements v1.Layer.
func (c content) Digest() (v1.Hash, error) { return c.digest, nil }

// DiffID implements v1.Layer.
func (c content) DiffID() (v1.Hash, error) { return c.digest, nil }

// Size implements v1.Layer.
func (c content) Size() (int64, error) { return c.size, nil }

// MediaType implements v1.Layer.
func (c content) MediaType() (types.MediaType, error) { return c.mediaType, nil }

// Compressed implements v1.Layer.
func (c content) Compressed() (io.ReadCloser, error) { return c.open() }

// Uncompressed implements v1.Layer.
func (c content) Uncompressed() (io.ReadCloser, error) { return c.open() }
