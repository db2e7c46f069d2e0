package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/pgzip"

	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// cache keeps compressed layers in a folder, by what went into them: KEY.tar.gz
// and KEY.json, which describes it. Both appear whole or not at all, and the
// description last, so that a davit that is killed leaves nothing to trip over.
type cache struct {
	dir string
}

// described is what KEY.json holds.
type described struct {
	Digest v1.Hash `json:"digest"`
	DiffID v1.Hash `json:"diff_id"`
	Size   int64   `json:"size"` // bytes, compressed
}

// layer returns the layer of the given entries, from the cache when it is
// there. found tells whether it was.
func (c cache) layer(ctx context.Context, entries []entry) (l layer, found bool, err error) {
	key, err := layerKey(entries)
	if err != nil {
		return layer{}, false, err
	}
	if l, ok := c.find(key); ok {
		return l, true, nil
	}
	l, err = c.create(ctx, key, entries)
	return l, false, err
}

func (c cache) blob(key string) string        { return filepath.Join(c.dir, key+".tar.gz") }
func (c cache) description(key string) string { return filepath.Join(c.dir, key+".json") }

// find returns a layer that is there in full length. Whether it is there in
// content shows when it is read.
func (c cache) find(key string) (layer, bool) {
	data, err := os.ReadFile(c.description(key))
	if err != nil {
		return layer{}, false
	}
	d, err := parseDescribed(data)
	if err != nil {
		return layer{}, false
	}
	info, err := os.Stat(c.blob(key))
	if err != nil || info.Size() != d.Size {
		return layer{}, false
	}
	touch(c.blob(key))
	touch(c.description(key))
	return layer{path: c.blob(key), digest: d.Digest, diffID: d.DiffID, size: d.Size}, true
}

func parseDescribed(data []byte) (described, error) {
	var d described
	if err := json.Unmarshal(data, &d); err != nil {
		return described{}, fmt.Errorf("read the description of a layer: %w", err)
	}
	for _, h := range []v1.Hash{d.Digest, d.DiffID} {
		if h.Algorithm != "sha256" || len(h.Hex) != hex.EncodedLen(sha256.Size) {
			return described{}, fmt.Errorf("read the description of a layer: %q is not a digest", h)
		}
	}
	return d, nil
}

// create makes a layer in one pass and puts it into the cache. A second davit
// that does the same at the same time writes the same bytes.
func (c cache) create(ctx context.Context, key string, entries []entry) (layer, error) {
	temp, err := os.CreateTemp(c.dir, key+".*.tmp")
	if err != nil {
		return layer{}, fmt.Errorf("make a layer: %w", err)
	}
	d, err := compress(ctx, temp, entries)
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), c.blob(key))
	}
	if err == nil {
		err = c.describe(key, d)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
		return layer{}, fmt.Errorf("make a layer: %w", err)
	}
	return layer{path: c.blob(key), digest: d.Digest, diffID: d.DiffID, size: d.Size}, nil
}

func (c cache) describe(key string, d described) error {
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return atomicfile.Write(c.description(key), data, 0o600)
}

// blockSize is what each worker compresses by itself. It is fixed, so the bytes
// do not depend on how many workers there are.
const (
	blockSize = 1 << 20
	gzipLevel = 6
)

// compress writes entries as a compressed archive: the archive is hashed as it
// is made, its blocks are compressed side by side, and the result is hashed as
// it is written.
func compress(ctx context.Context, w io.Writer, entries []entry) (described, error) {
	out := &countingWriter{w: w, sum: sha256.New()}
	zipper, err := pgzip.NewWriterLevel(out, gzipLevel)
	if err != nil {
		return described{}, err
	}
	if err := zipper.SetConcurrency(blockSize, min(runtime.GOMAXPROCS(0), 16)); err != nil {
		return described{}, err
	}
	diffID := sha256.New()
	if err := writeTar(io.MultiWriter(cancelWriter{ctx}, diffID, zipper), entries); err != nil {
		zipper.Reset(io.Discard) // ends its goroutines, which Close does not after an error
		return described{}, err
	}
	if err := zipper.Close(); err != nil {
		zipper.Reset(io.Discard)
		return described{}, err
	}
	return described{Digest: hashOf(out.sum), DiffID: hashOf(diffID), Size: out.size}, nil
}

func hashOf(sum hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum.Sum(nil))}
}

// countingWriter hashes and counts what it passes on.
type countingWriter struct {
	w    io.Writer
	sum  hash.Hash
	size int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	_, _ = c.sum.Write(p[:n]) // a hash does not fail
	c.size += int64(n)
	return n, err
}

// cancelWriter fails when its context has ended.
type cancelWriter struct {
	ctx context.Context //nolint:containedctx // an io.Writer takes none
}

func (c cancelWriter) Write(p []byte) (int, error) { return len(p), c.ctx.Err() }

// unusedAfter is how long the cache keeps what nobody asks for.
const unusedAfter = 30 * 24 * time.Hour

// sweep removes what lies in dir since before the given time, as far as it can:
// what stays is looked at again the next time.
func sweep(dir string, before time.Time) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.ModTime().Before(before) {
			_ = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}

// touch says that a file of the cache is in use. A cache that cannot be written
// to is swept earlier, no more.
func touch(path string) {
	now := time.Now()
	_ = os.Chtimes(path, now, now)
}
