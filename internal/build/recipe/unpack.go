package recipe

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"path"

	"github.com/davit-dev/davit/internal/build/recipe/tree"
)

// unpack puts what is in a tar archive in the place of the archive, as ADD does.
// done is false for a file that is none.
func (s *stage) unpack(ctx context.Context, from origin, name string, p placing) (done bool, err error) {
	content, ok := from.(interface {
		Open(ctx context.Context, name string) (io.ReadCloser, error)
	})
	if !ok {
		return false, nil
	}
	file, err := content.Open(ctx, name)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	archive, err := openArchive(file)
	if err != nil || archive == nil {
		return false, err
	}
	header, err := archive.Next()
	if err != nil {
		return false, nil // it is no archive: it is copied as it is
	}
	if err := s.tree.MkdirAll(ctx, p.to, 0o755, p.owner); err != nil {
		return true, err
	}
	for ; err == nil; header, err = archive.Next() {
		if err := s.unpackOne(ctx, header, archive, p); err != nil {
			return true, err
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return true, err
}

// openArchive takes the compression off; nil for what cannot be an archive.
func openArchive(file io.Reader) (*tar.Reader, error) {
	const magic = 6
	r := bufio.NewReader(file)
	start, err := r.Peek(magic)
	if errors.Is(err, io.EOF) {
		return nil, nil //nolint:nilnil // a short file is no archive
	}
	if err != nil {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(start, []byte{0x1f, 0x8b}):
		unzipped, err := gzip.NewReader(r)
		if err != nil {
			return nil, nil //nolint:nilerr,nilnil // it only looks like one
		}
		return tar.NewReader(unzipped), nil
	case bytes.HasPrefix(start, []byte("BZh")):
		return tar.NewReader(bzip2.NewReader(r)), nil
	case bytes.HasPrefix(start, []byte{0xfd, '7', 'z', 'X', 'Z'}), bytes.HasPrefix(start, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return nil, refuse("an archive in the form of xz or zstd is not understood")
	}
	return tar.NewReader(r), nil
}

func (s *stage) unpackOne(ctx context.Context, h *tar.Header, content io.Reader, p placing) error {
	name := path.Join(p.to, path.Clean("/"+h.Name))
	i := p.as(tree.Info{Mode: h.Mode & 0o7777, Owner: tree.Owner{UID: h.Uid, GID: h.Gid}})
	if h.Typeflag != tar.TypeDir {
		if err := s.tree.MkdirAll(ctx, path.Dir(name), 0o755, p.owner); err != nil {
			return err
		}
	}
	switch h.Typeflag {
	case tar.TypeDir:
		is, err := s.tree.IsDir(ctx, name)
		if err != nil || is {
			return err
		}
		return s.tree.MkdirAll(ctx, name, i.Mode, i.Owner)
	case tar.TypeReg:
		return s.tree.Put(ctx, name, content, i)
	case tar.TypeSymlink:
		if err := s.tree.Remove(ctx, name); err != nil {
			return err
		}
		return s.tree.Symlink(ctx, name, h.Linkname, i.Owner)
	case tar.TypeXGlobalHeader:
		return nil
	}
	return refuse("an archive with hard links or devices (%s) is not understood", h.Name)
}
