// Package layer turns entries — files, folders, links — into compressed OCI
// layers in a cache, in a single pass.
//
// Its invariant: the same entries give the same bytes on any machine and with
// any number of cores, and a layer is in the cache whole or not at all. The
// package knows nothing of Go programs.
package layer

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
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Cache keeps compressed layers in a folder, by what went into them: KEY.tar.gz
// and KEY.json, which describes it. Both appear whole or not at all, and the
// description last, so that a davit that is killed leaves nothing to trip over.
// SHAPE.last says which layer was the last one with files of the same names, and
// what its blocks are: most of the next one may be there.
type Cache struct {
	Dir string // must exist
}

// described is what KEY.json holds.
type described struct {
	Digest v1.Hash `json:"digest"`
	DiffID v1.Hash `json:"diff_id"`
	Size   int64   `json:"size"` // bytes, compressed
}

// Layer returns the layer of the given entries, from the cache when it is
// there. found tells whether it was.
func (c Cache) Layer(ctx context.Context, entries []Entry, as Compression) (l Layer, found bool, err error) {
	key, err := key(entries, as)
	if err != nil {
		return Layer{}, false, err
	}
	if l, ok := c.Find(key, as); ok {
		return l, true, nil
	}
	l, err = c.create(ctx, key, entries, as)
	return l, false, err
}

func (c Cache) blob(key string, as Compression) string {
	return filepath.Join(c.Dir, key+as.extension())
}

func (c Cache) description(key string) string { return filepath.Join(c.Dir, key+".json") }

// Find returns the layer with a key, when it is there in full length. Whether
// it is there in content shows when it is read.
func (c Cache) Find(key string, as Compression) (Layer, bool) {
	data, err := os.ReadFile(c.description(key))
	if err != nil {
		return Layer{}, false
	}
	d, err := parseDescribed(data)
	if err != nil {
		return Layer{}, false
	}
	blob := c.blob(key, as)
	info, err := os.Stat(blob)
	if err != nil || info.Size() != d.Size {
		return Layer{}, false
	}
	touch(blob)
	touch(c.description(key))
	return Layer{key: key, path: blob, compression: as, described: d}, true
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
func (c Cache) create(ctx context.Context, key string, entries []Entry, as Compression) (Layer, error) {
	temp, err := os.CreateTemp(c.Dir, key+".*.tmp")
	if err != nil {
		return Layer{}, fmt.Errorf("make a layer: %w", err)
	}
	shape := shapeOf(entries, as)
	known := c.last(shape, as)
	defer known.close()
	d, made, err := compress(ctx, temp, entries, as, known)
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), c.blob(key, as))
	}
	if err == nil {
		err = c.describe(key, d)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
		return Layer{}, fmt.Errorf("make a layer: %w", err)
	}
	c.remember(shape, key, made)
	return Layer{key: key, path: c.blob(key, as), compression: as, described: d}, nil
}

func (c Cache) describe(key string, d described) error {
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return c.put(c.description(key), data)
}

// put writes a file that appears whole or not at all. It does not wait for the
// disk: what a power cut spoils is seen when it is read, and made again.
func (c Cache) put(path string, data []byte) error {
	temp, err := os.CreateTemp(c.Dir, filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
	}
	return err
}

// compress writes entries as a compressed archive: the archive is hashed as it
// is made, its blocks are compressed side by side or taken from the known ones,
// and the result is hashed as it is written.
func compress(ctx context.Context, w io.Writer, entries []Entry, as Compression, known *blocks) (described, []block, error) {
	out := &countingWriter{w: w, sum: sha256.New()}
	zipper, err := as.writer(out, known)
	if err != nil {
		return described{}, nil, err
	}
	diffID := sha256.New()
	if err := WriteTar(io.MultiWriter(cancelWriter{ctx}, zipper, diffID), entries); err != nil {
		zipper.abandon()
		return described{}, nil, err
	}
	if err := zipper.Close(); err != nil {
		zipper.abandon()
		return described{}, nil, err
	}
	var made []block
	if z, ok := zipper.(*gzipWriter); ok {
		made = z.made
	}
	return described{Digest: hashOf(out.sum), DiffID: hashOf(diffID), Size: out.size}, made, nil
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

// UnusedAfter is how long a cache keeps what nobody asks for.
const UnusedAfter = 30 * 24 * time.Hour

// Sweep removes what lies in dir since before the given time, as far as it can:
// what stays is looked at again the next time.
func Sweep(dir string, before time.Time) {
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
