package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// damagedName is the folder of what was not what its digest says.
const damagedName = "damaged"

// Has says whether there is a file for a blob.
func (s *Store) Has(d Digest) bool {
	_, err := os.Stat(s.path(d))
	return err == nil
}

// Check reads a whole blob. What is not what its digest says is set aside, and
// the error is ErrCorrupt.
func (s *Store) Check(ctx context.Context, d Digest) (size int64, err error) {
	f, size, err := s.File(d)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	sum := d.hash()
	if _, err := io.Copy(sum, patient{ctx, f}); err != nil {
		return 0, fmt.Errorf("read blob %s: %w", d, err)
	}
	if d.matches(sum) {
		return size, nil
	}
	return size, errors.Join(fmt.Errorf("blob %s: %w", d, ErrCorrupt), s.setAside(d, f))
}

// setAside moves a file that was read out of the way, unless it was replaced
// meanwhile.
func (s *Store) setAside(d Digest, read *os.File) error {
	return s.leases.unlessHeld(d, func() error {
		was, err := read.Stat()
		if err != nil {
			return err
		}
		is, err := os.Stat(s.path(d))
		if err != nil || !os.SameFile(was, is) {
			return nil //nolint:nilerr // it is out of the way
		}
		if err := os.MkdirAll(filepath.Join(s.dir, damagedName), 0o700); err != nil {
			return fmt.Errorf("set %s aside: %w", d, err)
		}
		return os.Rename(s.path(d), filepath.Join(s.dir, damagedName, d.FileName()))
	})
}

// patient reads until ctx ends.
type patient struct {
	ctx  context.Context //nolint:containedctx // it lives as long as one call
	from io.Reader
}

// Read implements io.Reader.
func (p patient) Read(b []byte) (int, error) {
	if p.ctx.Err() != nil {
		return 0, context.Cause(p.ctx)
	}
	return p.from.Read(b)
}
