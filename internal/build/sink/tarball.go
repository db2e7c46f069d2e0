package sink

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// WriteTarball writes one file that 'docker load', 'podman load', 'ctr images
// import' and 'skopeo copy oci-archive:' read: an OCI image layout in a tar,
// with Docker's manifest.json for a Docker that does not read layouts. Of an
// index such a Docker gets the first platform, the others the one they want.
// Images without a tag are called latest.
//
// The same image and references give the same bytes. The file at path appears
// when all is written; Stdout is standard output.
func WriteTarball(ctx context.Context, path string, img Image, refs []Reference, tell Progress) error {
	all, err := img.contents()
	if err == nil {
		t := tarball{all, fullNames(refs, hubOfficial), &meter{total: all.size(), tell: tell}}
		err = output(path, func(w io.Writer) error { return t.write(ctx, w) })
	}
	if err != nil {
		return fmt.Errorf("write tarball %s: %w", path, err)
	}
	return nil
}

// tarball is an image on its way into a stream.
type tarball struct {
	*contents
	names []string
	meter *meter
}

// dockerImage is an entry of manifest.json (moby image/spec v1.2, "Combined
// Image JSON + Filesystem Changeset Format").
type dockerImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// write puts blobs before what names them, so that a stream that breaks off
// holds no image.
func (t tarball) write(ctx context.Context, w io.Writer) error {
	docker, err := t.docker()
	if err != nil {
		return err
	}
	index, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: t.entries(t.names)})
	if err != nil {
		return err
	}
	out := tar.NewWriter(w)
	if err := addFile(out, layoutName, []byte(layoutFile)); err != nil {
		return err
	}
	if err := t.addBlobs(ctx, out); err != nil {
		return err
	}
	if err := addFile(out, indexName, index); err != nil {
		return err
	}
	if err := addFile(out, "manifest.json", docker); err != nil {
		return err
	}
	return out.Close()
}

func (t tarball) addBlobs(ctx context.Context, out *tar.Writer) error {
	folders := []string{}
	for _, o := range t.all() {
		for _, folder := range []string{"blobs/", "blobs/" + o.digest.Algorithm + "/"} {
			if slices.Contains(folders, folder) {
				continue
			}
			folders = append(folders, folder)
			if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: folder, Mode: 0o755, ModTime: time.Unix(0, 0)}); err != nil {
				return err
			}
		}
		if err := out.WriteHeader(fileHeader(blobPath(o.digest), o.size)); err != nil {
			return err
		}
		if err := o.copyTo(ctx, metered{out, t.meter}); err != nil {
			return err
		}
	}
	return nil
}

func addFile(out *tar.Writer, name string, data []byte) error {
	if err := out.WriteHeader(fileHeader(name, int64(len(data)))); err != nil {
		return err
	}
	_, err := io.Copy(out, bytes.NewReader(data))
	return err
}

func fileHeader(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size, ModTime: time.Unix(0, 0)}
}

// docker returns manifest.json, with the image of the first platform.
func (t tarball) docker() ([]byte, error) {
	image := t.parts[0].image
	config, err := image.ConfigName()
	if err != nil {
		return nil, err
	}
	layers, err := image.Layers()
	if err != nil {
		return nil, err
	}
	entry := dockerImage{Config: blobPath(config), RepoTags: t.names}
	for _, l := range layers {
		digest, err := l.Digest()
		if err != nil {
			return nil, err
		}
		entry.Layers = append(entry.Layers, blobPath(digest))
	}
	return json.Marshal([]dockerImage{entry})
}
