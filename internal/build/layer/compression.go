package layer

import (
	"compress/gzip"
	"fmt"
	"io"
	"runtime"

	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/pgzip"
)

// Compression is how a layer is compressed.
type Compression string

// The compressions. Gzip is the default: Docker before 23 knows no other.
const (
	Gzip Compression = "gzip"
	Zstd Compression = "zstd"
)

// blockSize is what each worker compresses by itself. It is fixed, so the bytes
// do not depend on how many workers there are.
const (
	blockSize = 1 << 20
	gzipLevel = 3
)

// format names how entries become the bytes of a layer. It changes with
// anything that changes those bytes, so that no cached layer of an older form
// is taken.
func (c Compression) format() string {
	if c == Zstd {
		return "davit layer 2: tar, zstd, default level"
	}
	return "davit layer 2: tar, gzip level 3 in blocks of 1 MiB"
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
type compressor struct {
	io.WriteCloser
	abandon func()
}

func (c Compression) writer(w io.Writer) (compressor, error) {
	if c == Zstd {
		// With one worker the bytes are others than with two, so it is always two.
		encoder, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(2))
		if err != nil {
			return compressor{}, err
		}
		return compressor{encoder, func() { encoder.Reset(io.Discard); _ = encoder.Close() }}, nil
	}
	zipper, err := pgzip.NewWriterLevel(w, gzipLevel)
	if err != nil {
		return compressor{}, err
	}
	if err := zipper.SetConcurrency(blockSize, min(runtime.GOMAXPROCS(0), 16)); err != nil {
		return compressor{}, err
	}
	return compressor{zipper, func() { zipper.Reset(io.Discard) }}, nil
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
