package layer

import (
	"compress/gzip"
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
)

// Compression is how a layer is compressed.
type Compression string

// The compressions. Gzip is the default: Docker before 23 knows no other.
const (
	Gzip Compression = "gzip"
	Zstd Compression = "zstd"
)

// format names how entries become the bytes of a layer. It changes with
// anything that changes those bytes, so that no cached layer of an older form
// is taken.
func (c Compression) format() string {
	if c == Zstd {
		return "davit layer 3: tar, zstd, default level"
	}
	return "davit layer 3: tar, gzip level 3 in blocks of 256 KiB"
}

func (c Compression) extension() string {
	if c == Zstd {
		return ".tar.zst"
	}
	return ".tar.gz"
}

func (c Compression) mediaType() types.MediaType {
	if c == Zstd {
		return types.OCILayerZStd
	}
	return types.OCILayer
}

// compressor is a compressing writer. Close ends the stream; abandon ends its
// goroutines when there is no sense in that.
type compressor interface {
	io.WriteCloser
	abandon()
}

// zstdWriter is the compressor of Zstd.
type zstdWriter struct{ *zstd.Encoder }

func (z zstdWriter) abandon() {
	z.Reset(io.Discard)
	_ = z.Close() // nothing is written
}

// writer returns the compressor; known are the blocks of an earlier layer, if any.
func (c Compression) writer(w io.Writer, known *blocks) (compressor, error) {
	if c != Zstd {
		return newGzipWriter(w, known), nil
	}
	// With one worker the bytes are others than with two, so it is always two.
	encoder, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(2))
	return zstdWriter{encoder}, err
}

func (c Compression) reader(r io.Reader) (io.ReadCloser, error) {
	if c == Zstd {
		decoder, err := zstd.NewReader(r)
		if err != nil {
			return nil, err
		}
		return decoder.IOReadCloser(), nil
	}
	return gzip.NewReader(r)
}

// ParseCompression reads a compression's name; "" is Gzip.
func ParseCompression(name string) (Compression, error) {
	switch c := Compression(name); c {
	case "":
		return Gzip, nil
	case Gzip, Zstd:
		return c, nil
	}
	return "", fmt.Errorf("%q is not a compression (allowed: %s, %s)", name, Gzip, Zstd)
}
