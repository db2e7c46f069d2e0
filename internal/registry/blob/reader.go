package blob

import (
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
)

// verified is a blob's file that holds back its last bytes until the content is
// known to be right, so that nobody takes a wrong blob for a whole one.
type verified struct {
	file   *os.File
	digest Digest
	hash   hash.Hash
	left   int64 // bytes not read yet
	done   bool  // verified
}

// Read implements io.Reader.
func (v *verified) Read(p []byte) (int, error) {
	if v.done {
		return 0, io.EOF
	}
	n, err := v.file.Read(p[:min(int64(len(p)), v.left)])
	v.hash.Write(p[:n])
	v.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("read blob %s: %w", v.digest, err)
	}
	if v.left > 0 && err == nil {
		return n, nil
	}
	if !v.digest.matches(v.hash) {
		return 0, fmt.Errorf("blob %s: %w", v.digest, ErrCorrupt)
	}
	v.done = true
	return n, nil
}

// Close implements io.Closer.
func (v *verified) Close() error { return v.file.Close() }

// Open opens a blob and returns its size. Reading to the end fails with
// ErrCorrupt when the content is not what the digest says.
func (s *Store) Open(d Digest) (io.ReadCloser, int64, error) {
	f, size, err := s.File(d)
	if err != nil {
		return nil, 0, err
	}
	return &verified{file: f, digest: d, hash: d.hash(), left: size}, size, nil
}

// File opens a blob for reading parts of it, which nothing verifies.
func (s *Store) File(d Digest) (*os.File, int64, error) {
	f, err := os.Open(s.path(d))
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, fmt.Errorf("blob %s: %w", d, ErrNotFound)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("open blob: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("open blob: %w", err)
	}
	return f, info.Size(), nil
}

// Read reads a blob of at most limit bytes as a whole.
func (s *Store) Read(d Digest, limit int64) ([]byte, error) {
	content, size, err := s.Open(d)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	if size > limit {
		return nil, fmt.Errorf("blob %s has %d bytes, at most %d are read at once", d, size, limit)
	}
	return io.ReadAll(content)
}
