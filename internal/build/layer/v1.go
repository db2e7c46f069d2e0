package layer

import (
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

// Layer is a compressed layer in a file of the cache. It implements v1.Layer.
type Layer struct {
	key         string
	path        string
	compression Compression
	described
}

// Key names the layer in its cache.
func (l Layer) Key() string { return l.key }

// Bytes returns how long the layer is, compressed.
func (l Layer) Bytes() int64 { return l.described.Size }

// Digest implements v1.Layer.
func (l Layer) Digest() (v1.Hash, error) { return l.described.Digest, nil }

// DiffID implements v1.Layer.
func (l Layer) DiffID() (v1.Hash, error) { return l.described.DiffID, nil }

// Size implements v1.Layer.
func (l Layer) Size() (int64, error) { return l.described.Size, nil }

// MediaType implements v1.Layer.
func (l Layer) MediaType() (types.MediaType, error) { return l.compression.mediaType(), nil }

// Compressed implements v1.Layer. The read of the last bytes fails when the file
// does not hold what was put into it, and the file is removed then, so that the
// next build makes it again.
func (l Layer) Compressed() (io.ReadCloser, error) {
	f, err := os.Open(l.path)
	if err != nil {
		return nil, fmt.Errorf("open layer: %w", err)
	}
	return &checkedReader{file: f, want: l.described, sum: sha256.New()}, nil
}

// Uncompressed implements v1.Layer.
func (l Layer) Uncompressed() (io.ReadCloser, error) {
	compressed, err := l.Compressed()
	if err != nil {
		return nil, err
	}
	archive, err := l.compression.reader(compressed)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read layer: %w", err), compressed.Close())
	}
	return &unpackedReader{ReadCloser: archive, below: compressed}, nil
}

// checkedReader hashes what is read through it, and keeps the last bytes until it
// has seen that all were right: nobody takes a damaged layer for a whole one.
type checkedReader struct {
	file *os.File
	want described
	sum  hash.Hash
	read int64
}

func (r *checkedReader) Read(p []byte) (int, error) {
	n, err := r.file.Read(p)
	_, _ = r.sum.Write(p[:n]) // a hash does not fail
	r.read += int64(n)
	cut := errors.Is(err, io.EOF) && r.read < r.want.Size
	whole := r.read == r.want.Size && hex.EncodeToString(r.sum.Sum(nil)) == r.want.Digest.Hex
	if cut || r.read >= r.want.Size && !whole {
		return 0, errors.Join(
			fmt.Errorf("layer %s is damaged in the cache; it was removed, build again", r.file.Name()),
			os.Remove(r.file.Name()))
	}
	return n, err
}

func (r *checkedReader) Close() error { return r.file.Close() }

// unpackedReader closes what it reads from.
type unpackedReader struct {
	io.ReadCloser
	below io.Closer
}

func (r *unpackedReader) Close() error { return errors.Join(r.ReadCloser.Close(), r.below.Close()) }
