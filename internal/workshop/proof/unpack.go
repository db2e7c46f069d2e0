package proof

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/davit-dev/davit/internal/build/explain"
)

// unpack writes the files of an image below a new folder. Nothing is written
// outside of it; devices are left out, and everything belongs to this process.
func unpack(ctx context.Context, layout, folder string) error {
	opened, err := explain.Open(ctx, layout, explain.Options{})
	if err != nil {
		return err
	}
	if err := os.Mkdir(folder, 0o755); err != nil {
		return fmt.Errorf("unpack the image: %w", err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return fmt.Errorf("unpack the image: %w", err)
	}
	defer root.Close()
	content := mutate.Extract(opened.Image)
	defer content.Close()
	for archive := tar.NewReader(content); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = context.Cause(ctx)
		}
		if err == nil {
			err = put(root, header, archive)
		}
		if err != nil {
			return fmt.Errorf("unpack the image: %w", err)
		}
	}
}

func put(root *os.Root, header *tar.Header, content io.Reader) error {
	name := filepath.FromSlash(path.Clean("/" + header.Name)[1:])
	if name == "" {
		return nil
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	mode := os.FileMode(header.Mode & 0o777)
	switch header.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, mode|0o700)
	case tar.TypeSymlink:
		return root.Symlink(header.Linkname, name)
	case tar.TypeLink:
		return root.Link(filepath.FromSlash(path.Clean("/" + header.Linkname)[1:]), name)
	case tar.TypeReg:
		f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode|0o200)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Close())
	}
	return nil
}
