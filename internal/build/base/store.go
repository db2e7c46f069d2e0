package base

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// store keeps blobs by their digests in a folder. A blob is there whole or not at
// all, and what was damaged since counts as not there.
type store struct {
	dir string
}

func (s store) path(h v1.Hash) string { return filepath.Join(s.dir, h.Hex) }

// read returns a small blob, after looking at its digest.
func (s store) read(h v1.Hash) ([]byte, bool) {
	data, err := os.ReadFile(s.path(h))
	if err != nil {
		return nil, false
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != h.Hex {
		_ = os.Remove(s.path(h)) // it is fetched again
		return nil, false
	}
	s.touch(h)
	return data, true
}

// touch says that a blob is in use.
func (s store) touch(h v1.Hash) {
	now := time.Now()
	_ = os.Chtimes(s.path(h), now, now) // a cache that cannot be written to is swept earlier, no more
}

// write keeps a small blob.
func (s store) write(h v1.Hash, data []byte) error {
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != h.Hex {
		return fmt.Errorf("%s: the registry sent something else", h)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	return atomicfile.Write(s.path(h), data, 0o600)
}

// open returns a blob of known size for reading, after looking at its digest.
func (s store) open(h v1.Hash, size int64) (io.ReadCloser, bool) {
	f, err := os.Open(s.path(h))
	if err != nil {
		return nil, false
	}
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil || n != size || hex.EncodeToString(sum.Sum(nil)) != h.Hex {
		_ = f.Close()            // it was only read
		_ = os.Remove(s.path(h)) // it is fetched again
		return nil, false
	}
	s.touch(h)
	return f, true
}

// fill fetches a blob of known size into the store.
func (s store) fill(ctx context.Context, h v1.Hash, size int64, fetch func() (io.ReadCloser, error)) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	from, err := fetch()
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(s.dir, h.Hex+".*.tmp")
	if err != nil {
		return errors.Join(err, from.Close())
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(temp, sum), io.LimitReader(from, size+1))
	if err = errors.Join(err, temp.Close(), from.Close(), context.Cause(ctx)); err == nil && n != size {
		err = fmt.Errorf("%s has %d bytes, not %d", h, n, size)
	}
	if err == nil && hex.EncodeToString(sum.Sum(nil)) != h.Hex {
		err = fmt.Errorf("%s: the registry sent something else", h)
	}
	if err == nil {
		err = os.Rename(temp.Name(), s.path(h))
	}
	if err != nil {
		_ = os.Remove(temp.Name()) // what stays is swept
	}
	return err
}
