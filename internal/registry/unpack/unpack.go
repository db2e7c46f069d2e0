// Package unpack brings the layers of an image into a folder. Layers are hostile:
// whatever would reach out of the folder, is a device, or goes beyond the limits
// is refused.
package unpack

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"
)

// Limits of an image.
type Limits struct {
	Entries int   // files, folders and links
	Bytes   int64 // of files, and of all layers when they are decompressed
}

// Layer is one of an image's layers.
type Layer struct {
	Name string
	Open func() (io.ReadCloser, error)
}

// Into applies layers to an empty folder, the lowest first. When it returns, the
// folder is durable. After an error the caller removes what is there.
func Into(ctx context.Context, dir string, layers []Layer, limits Limits) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	u := &unpacker{root: root, limits: limits, entries: limits.Entries, bytes: limits.Bytes, stream: limits.Bytes}
	for _, layer := range layers {
		if err := u.apply(ctx, layer); err != nil {
			return fmt.Errorf("layer %s: %w", layer.Name, err)
		}
	}
	return syncAll(dir)
}

func (u *unpacker) apply(ctx context.Context, layer Layer) error {
	blob, err := layer.Open()
	if err != nil {
		return err
	}
	defer blob.Close()
	content, closeContent, err := decompress(blob)
	if err != nil {
		return err
	}
	defer closeContent()
	if err := u.layer(ctx, content); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, blob) // what follows the archive counts for the digest
	return err
}

// syncAll makes everything on the file system of a folder durable. One call for
// the whole image takes less time than one for each of its files and folders.
func syncAll(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := errors.Join(unix.Syncfs(int(f.Fd())), f.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// decompress tells compression by the first bytes, as media types are not
// always right.
func decompress(r io.Reader) (io.Reader, func(), error) {
	buffered := bufio.NewReader(r)
	magic, err := buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, nil, err
		}
		return z, func() { z.Close() }, nil
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(buffered, zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	default:
		return buffered, func() {}, nil
	}
}
