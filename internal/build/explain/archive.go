package explain

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// maxManifest is how many bytes a manifest, an index or a configuration may
// have.
const maxManifest = 8 << 20

// archive is a tar archive on the disk with an OCI layout in it.
type archive struct {
	path  string
	files map[string]section // by name
}

type section struct{ offset, size int64 }

// readArchive notes where the files of a tar archive are.
func readArchive(file string) (archive, error) {
	f, err := os.Open(file)
	if err != nil {
		return archive{}, err
	}
	defer f.Close()
	a := archive{path: file, files: map[string]section{}}
	r := tar.NewReader(f)
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return a, nil
		}
		if err != nil {
			return archive{}, fmt.Errorf("read tar archive: %w", err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		offset, err := f.Seek(0, io.SeekCurrent) // the reader reads no further than the header
		if err != nil {
			return archive{}, err
		}
		a.files[path.Clean(header.Name)] = section{offset, header.Size}
	}
}

// open returns a file of the archive.
func (a archive) open(name string) (io.ReadCloser, error) {
	s, found := a.files[name]
	if !found {
		return nil, fmt.Errorf("the archive has no %s", name)
	}
	f, err := os.Open(a.path)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(f, s.offset, s.size), f}, nil
}

func (a archive) read(name string) ([]byte, error) {
	if size := a.files[name].size; size > maxManifest {
		return nil, fmt.Errorf("%s has %d bytes (allowed: %d)", name, size, maxManifest)
	}
	r, err := a.open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// blob returns a small blob, checked against its digest.
func (a archive) blob(want v1.Hash) ([]byte, error) {
	data, err := a.read(blobName(want))
	if err != nil {
		return nil, err
	}
	if got, _, err := v1.SHA256(bytes.NewReader(data)); err != nil || got != want {
		return nil, fmt.Errorf("blob %s is damaged: its bytes are those of %s", want, got)
	}
	return data, nil
}

func blobName(h v1.Hash) string { return path.Join("blobs", h.Algorithm, h.Hex) }

func (a archive) index() (v1.ImageIndex, error) {
	data, err := a.read("index.json")
	return archiveIndex{archive: a, raw: data}, err
}

// archiveIndex implements v1.ImageIndex.
type archiveIndex struct {
	archive archive
	raw     []byte
}

// MediaType implements v1.ImageIndex.
func (i archiveIndex) MediaType() (types.MediaType, error) { return types.OCIImageIndex, nil }

// Digest implements v1.ImageIndex.
func (i archiveIndex) Digest() (v1.Hash, error) { return partial.Digest(i) }

// Size implements v1.ImageIndex.
func (i archiveIndex) Size() (int64, error) { return partial.Size(i) }

// RawManifest implements v1.ImageIndex.
func (i archiveIndex) RawManifest() ([]byte, error) { return i.raw, nil }

// IndexManifest implements v1.ImageIndex.
func (i archiveIndex) IndexManifest() (*v1.IndexManifest, error) {
	return v1.ParseIndexManifest(bytes.NewReader(i.raw))
}

// ImageIndex implements v1.ImageIndex.
func (i archiveIndex) ImageIndex(h v1.Hash) (v1.ImageIndex, error) {
	data, err := i.archive.blob(h)
	return archiveIndex{archive: i.archive, raw: data}, err
}

// Image implements v1.ImageIndex.
func (i archiveIndex) Image(h v1.Hash) (v1.Image, error) {
	data, err := i.archive.blob(h)
	if err != nil {
		return nil, err
	}
	return partial.CompressedToImage(archiveImage{archive: i.archive, raw: data})
}

// archiveImage implements partial.CompressedImageCore.
type archiveImage struct {
	archive archive
	raw     []byte
}

// MediaType implements partial.CompressedImageCore.
func (i archiveImage) MediaType() (types.MediaType, error) {
	m, err := partial.Manifest(i)
	if err != nil || m.MediaType == "" {
		return types.OCIManifestSchema1, err
	}
	return m.MediaType, nil
}

// RawManifest implements partial.CompressedImageCore.
func (i archiveImage) RawManifest() ([]byte, error) { return i.raw, nil }

// RawConfigFile implements partial.CompressedImageCore.
func (i archiveImage) RawConfigFile() ([]byte, error) {
	m, err := partial.Manifest(i)
	if err != nil {
		return nil, err
	}
	return i.archive.blob(m.Config.Digest)
}

// LayerByDigest implements partial.CompressedImageCore.
func (i archiveImage) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	m, err := partial.Manifest(i)
	if err != nil {
		return nil, err
	}
	for _, d := range append(m.Layers, m.Config) {
		if d.Digest == h {
			return archiveLayer{i.archive, d}, nil
		}
	}
	return nil, fmt.Errorf("the image has no layer %s", h)
}

// archiveLayer implements partial.CompressedLayer.
type archiveLayer struct {
	archive    archive
	descriptor v1.Descriptor
}

// Digest implements partial.CompressedLayer.
func (l archiveLayer) Digest() (v1.Hash, error) { return l.descriptor.Digest, nil }

// Size implements partial.CompressedLayer.
func (l archiveLayer) Size() (int64, error) { return l.descriptor.Size, nil }

// MediaType implements partial.CompressedLayer.
func (l archiveLayer) MediaType() (types.MediaType, error) { return l.descriptor.MediaType, nil }

// Compressed implements partial.CompressedLayer.
func (l archiveLayer) Compressed() (io.ReadCloser, error) {
	return l.archive.open(blobName(l.descriptor.Digest))
}
