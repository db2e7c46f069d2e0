package backup

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Reader takes an archive apart. Nothing in it is trusted: names are those of
// the manifest, which is checked; links, folders and members that are not
// expected are refused; no more is read of a member than the manifest says.
type Reader struct {
	Manifest Manifest

	raw        *bufio.Reader
	compressed *gzip.Reader
	archive    *tar.Reader
}

// ErrTruncated says that an archive ends before its end.
var ErrTruncated = errors.New("it ends too early")

// NewReader reads the manifest of an archive.
func NewReader(r io.Reader) (*Reader, error) {
	raw := bufio.NewReader(r)
	compressed, err := gzip.NewReader(raw)
	if err != nil {
		return nil, fmt.Errorf("read backup: it is no davit backup: %w", early(err))
	}
	compressed.Multistream(false)
	b := &Reader{raw: raw, compressed: compressed, archive: tar.NewReader(compressed)}
	header, err := b.archive.Next()
	if err != nil {
		return nil, fmt.Errorf("read backup: it is no davit backup: %w", early(err))
	}
	if header.Name != ManifestName || header.Typeflag != tar.TypeReg {
		return nil, fmt.Errorf("read backup: it is no davit backup: it begins with %q, not with %s", header.Name, ManifestName)
	}
	if header.Size > maxManifest {
		return nil, &MemberError{ManifestName, fmt.Errorf("it has %d bytes, at most %d are read", header.Size, maxManifest)}
	}
	data, err := io.ReadAll(b.archive)
	if err != nil {
		return nil, &MemberError{ManifestName, early(err)}
	}
	if b.Manifest, err = decodeManifest(data); err != nil {
		return nil, err
	}
	return b, nil
}

// Members calls fn with each member and its content, which fn need not read to
// the end. When Members returns without an error, every member had its sum, and
// nothing was behind the last one.
func (b *Reader) Members(ctx context.Context, fn func(Member, io.Reader) error) error {
	for _, member := range b.Manifest.Members {
		if ctx.Err() != nil {
			return fmt.Errorf("read backup: %w", context.Cause(ctx))
		}
		content, err := b.next(member)
		if err != nil {
			return &MemberError{member.Name, err}
		}
		if err := fn(member, content); err != nil {
			return &MemberError{member.Name, err}
		}
		if _, err := io.Copy(io.Discard, content); err != nil {
			return &MemberError{member.Name, err}
		}
	}
	return b.end()
}

// next wants a member to be the next one.
func (b *Reader) next(member Member) (io.Reader, error) {
	header, err := b.archive.Next()
	switch {
	case err != nil:
		return nil, early(err)
	case header.Name != member.Name:
		return nil, fmt.Errorf("in its place is %q", header.Name)
	case header.Typeflag != tar.TypeReg:
		return nil, fmt.Errorf("it is of the type %q, not a file", header.Typeflag)
	case header.Size != member.Size:
		return nil, fmt.Errorf("it has %d bytes, the manifest says %d", header.Size, member.Size)
	}
	return &summed{from: b.archive, sum: sha256.New(), want: member}, nil
}

// end wants nothing to follow, and the archive's own sums to be right.
func (b *Reader) end() error {
	header, err := b.archive.Next()
	if err == nil {
		return &MemberError{header.Name, errors.New("the manifest does not know it")}
	}
	if !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the end of the backup: %w", early(err))
	}
	rest, err := io.Copy(io.Discard, io.LimitReader(b.compressed, 1<<20)) // zeros that end a tar archive
	if err != nil {
		return fmt.Errorf("read the end of the backup: %w", early(err))
	}
	if _, err := b.raw.ReadByte(); rest == 1<<20 || !errors.Is(err, io.EOF) {
		return errors.New("read the end of the backup: something follows it")
	}
	return nil
}

// summed reads a member and compares its size and sum at the end.
type summed struct {
	from io.Reader
	sum  hash.Hash
	read int64
	want Member
}

// Read implements io.Reader.
func (s *summed) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	s.sum.Write(p[:n])
	s.read += int64(n)
	if err == nil {
		return n, nil
	}
	if !errors.Is(err, io.EOF) {
		return n, early(err)
	}
	if s.read != s.want.Size || hex.EncodeToString(s.sum.Sum(nil)) != s.want.SHA256 {
		return n, errors.New("its content does not have the sum that the manifest says")
	}
	return n, io.EOF
}

// early tells the end of a file that was cut from other errors.
func early(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return err
}
