package build

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// layer is a compressed layer in a file of the cache. It implements v1.Layer.
type layer struct {
	path   string
	digest v1.Hash // of the compressed bytes
	diffID v1.Hash // of the tar archive
	size   int64   // of the compressed bytes
}

// Digest implements v1.Layer.
func (l layer) Digest() (v1.Hash, error) { return l.digest, nil }

// DiffID implements v1.Layer.
func (l layer) DiffID() (v1.Hash, error) { return l.diffID, nil }

// Size implements v1.Layer.
func (l layer) Size() (int64, error) { return l.size, nil }

// MediaType implements v1.Layer.
func (l layer) MediaType() (types.MediaType, error) { return types.OCILayer, nil }

// Compressed implements v1.Layer. The last read fails when the file does not
// hold the bytes that were put into it, and the file is removed then, so that
// the next build makes it again.
func (l layer) Compressed() (io.ReadCloser, error) {
	f, err := os.Open(l.path)
	if err != nil {
		return nil, fmt.Errorf("open layer: %w", err)
	}
	return &checkedReader{file: f, want: l.digest, sum: sha256.New()}, nil
}

// Uncompressed implements v1.Layer.
func (l layer) Uncompressed() (io.ReadCloser, error) {
	compressed, err := l.Compressed()
	if err != nil {
		return nil, err
	}
	archive, err := gzip.NewReader(compressed)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read layer: %w", err), compressed.Close())
	}
	return &unpackedReader{Reader: archive, below: compressed}, nil
}

// checkedReader hashes what is read through it.
type checkedReader struct {
	file *os.File
	want v1.Hash
	sum  hash.Hash
}

func (r *checkedReader) Read(p []byte) (int, error) {
	n, err := r.file.Read(p)
	_, _ = r.sum.Write(p[:n]) // a hash does not fail
	if errors.Is(err, io.EOF) && hex.EncodeToString(r.sum.Sum(nil)) != r.want.Hex {
		return n, errors.Join(
			fmt.Errorf("layer %s is damaged in the cache; it was removed, build again", r.file.Name()),
			os.Remove(r.file.Name()))
	}
	return n, err
}

func (r *checkedReader) Close() error { return r.file.Close() }

// unpackedReader closes what it reads from.
type unpackedReader struct {
	*gzip.Reader
	below io.Closer
}

func (r *unpackedReader) Close() error { return errors.Join(r.Reader.Close(), r.below.Close()) }
