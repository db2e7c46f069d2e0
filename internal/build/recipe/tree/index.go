package tree

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/davit-dev/davit/internal/build/layer"
	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// Index is the files of an image. Their content is taken out of its layers when
// it is asked for.
type Index struct {
	image v1.Image
	dir   string // of contents, by the digest of their layer and name
	files map[string]indexed
	in    map[string][]string // names in a folder
}

// indexed is one name of an image.
type indexed struct {
	Mode  int64  `json:"mode"`
	UID   int    `json:"uid,omitempty"`
	GID   int    `json:"gid,omitempty"`
	Size  int64  `json:"size,omitempty"`
	Dir   bool   `json:"dir,omitempty"`
	Link  string `json:"link,omitempty"`
	Layer int    `json:"layer"`          // that the content is in, counted from 0
	From  string `json:"from,omitempty"` // name of the content in its layer, for a hard link
}

// ReadIndex returns the files of an image. The list is kept in the folder
// cache, by the digest of the image.
func ReadIndex(ctx context.Context, image v1.Image, cache string) (*Index, error) {
	digest, err := image.Digest()
	if err != nil {
		return nil, fmt.Errorf("read the digest of the image: %w", err)
	}
	x := &Index{image: image, dir: filepath.Join(cache, digest.Hex), files: map[string]indexed{}}
	list := filepath.Join(x.dir, "files.json")
	if data, err := os.ReadFile(list); err != nil || json.Unmarshal(data, &x.files) != nil {
		x.files = map[string]indexed{}
		if err := x.read(ctx); err != nil {
			return nil, fmt.Errorf("read the files of the image: %w", err)
		}
		if err := x.keep(list); err != nil {
			return nil, fmt.Errorf("keep the list of the image's files: %w", err)
		}
	}
	x.in = map[string][]string{}
	for name := range x.files {
		dir := strings.TrimPrefix(path.Dir(name), ".")
		x.in[dir] = append(x.in[dir], path.Base(name))
	}
	return x, nil
}

func (x *Index) keep(list string) error {
	if err := os.MkdirAll(x.dir, 0o700); err != nil {
		return err
	}
	data, err := json.Marshal(x.files)
	if err != nil {
		return err
	}
	return atomicfile.Write(list, data, 0o600)
}

func (x *Index) children(at string) []string {
	names := slices.Clone(x.in[at])
	slices.Sort(names)
	return names
}

// Find returns what lies at a path without leading slash. Opening its content
// may read a layer.
func (x *Index) Find(at string) (layer.Entry, bool) {
	f, found := x.files[at]
	if !found {
		return layer.Entry{}, false
	}
	e := layer.Entry{Name: at, Mode: f.Mode, UID: f.UID, GID: f.GID, Size: f.Size, Link: f.Link}
	switch {
	case f.Dir:
		e.Name += "/"
	case f.Link == "":
		e.Open = func() (io.ReadCloser, error) { return x.open(at, f) }
	}
	return e, true
}

// read goes through the layers, the lowest first.
func (x *Index) read(ctx context.Context) error {
	layers, err := x.image.Layers()
	if err != nil {
		return err
	}
	for i, l := range layers {
		if err := eachHeader(ctx, l, func(h *tar.Header, _ io.Reader) error { x.add(h, i); return nil }); err != nil {
			return err
		}
	}
	return nil
}

func eachHeader(ctx context.Context, l v1.Layer, visit func(*tar.Header, io.Reader) error) (err error) {
	content, err := l.Uncompressed()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	for archive := tar.NewReader(content); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = visit(header, archive)
		}
		if err != nil {
			return err
		}
	}
}

func nameOf(header string) string { return strings.TrimPrefix(path.Clean("/"+header), "/") }

// add applies one header to the list (OCI image-spec 1.1, layer.md).
func (x *Index) add(h *tar.Header, number int) {
	name := nameOf(h.Name)
	dir, base := path.Split(name)
	if rest, whiteout := strings.CutPrefix(base, ".wh."); whiteout {
		if rest == ".wh..opq" {
			x.removeIn(dir, number)
		} else {
			x.remove(dir+rest, number)
		}
		return
	}
	f := indexed{Mode: h.Mode & 0o7777, UID: h.Uid, GID: h.Gid, Size: h.Size, Layer: number}
	switch h.Typeflag {
	case tar.TypeDir:
		f.Dir, f.Size = true, 0
	case tar.TypeSymlink:
		f.Link = h.Linkname
	case tar.TypeLink:
		target, found := x.files[nameOf(h.Linkname)]
		if !found {
			return
		}
		f = target
		if f.From == "" {
			f.From = nameOf(h.Linkname)
		}
	case tar.TypeReg:
	default:
		return // a device is nothing that a build reads
	}
	if name != "" {
		if !f.Dir {
			x.remove(name, number+1)
		}
		x.files[name] = f
	}
}

// remove takes a name away, and what is in it, that layers before number have.
func (x *Index) remove(name string, number int) {
	if f, found := x.files[name]; found && f.Layer < number {
		delete(x.files, name)
		if f.Dir {
			x.removeIn(name+"/", number)
		}
	}
}

func (x *Index) removeIn(dir string, number int) {
	for name, f := range x.files {
		if strings.HasPrefix(name, dir) && f.Layer < number {
			delete(x.files, name)
		}
	}
}

// open returns the content of a file, which is kept on disk from then on.
func (x *Index) open(at string, f indexed) (io.ReadCloser, error) {
	name := at
	if f.From != "" {
		name = f.From
	}
	kept := x.kept(f.Layer, name)
	if r, err := os.Open(kept); err == nil {
		return r, nil
	}
	if err := x.extract(f.Layer, neighborhood(name)); err != nil {
		return nil, fmt.Errorf("read /%s from the image: %w", at, err)
	}
	return os.Open(kept)
}

func (x *Index) kept(number int, name string) string {
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(x.dir, fmt.Sprintf("%d-%s", number, hex.EncodeToString(sum[:])))
}

// neighborhood is the folder whose files come along with one of them, so that
// the copy of a folder does not read the layer once for each file.
func neighborhood(name string) string {
	const depth = 3 // usr/share/zoneinfo
	parts := strings.Split(name, "/")
	return path.Join(parts[:min(depth, len(parts)-1)]...) + "/"
}

func (x *Index) extract(number int, folder string) error {
	layers, err := x.image.Layers()
	if err != nil {
		return err
	}
	return eachHeader(context.Background(), layers[number], func(h *tar.Header, content io.Reader) error {
		name := nameOf(h.Name)
		if h.Typeflag != tar.TypeReg || !strings.HasPrefix("/"+name, "/"+strings.TrimPrefix(folder, "/")) {
			return nil
		}
		return keepContent(x.kept(number, name), content)
	})
}

func keepContent(name string, content io.Reader) error {
	temp, err := os.CreateTemp(filepath.Dir(name), "temp-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(temp, content)
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), name)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
	}
	return err
}

// Fixed makes a list of files that is at hand what Below.Image is.
func Fixed(x *Index) func(context.Context) (*Index, error) {
	return func(context.Context) (*Index, error) { return x, nil }
}
