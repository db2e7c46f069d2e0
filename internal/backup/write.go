package backup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// Open opens the content of a member.
type Open func(Member) (io.ReadCloser, error)

// Write writes an archive: the manifest, then its members in their order. It
// fails when one of them has not the size that the manifest says; sums are for
// the reader. What was written before an error is no archive.
func Write(ctx context.Context, w io.Writer, m Manifest, open Open) error {
	if err := m.validate(); err != nil {
		return err
	}
	data, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode manifest: %w", err)
	}
	if len(data) > maxManifest {
		return fmt.Errorf("a manifest of %d bytes is too large, at most %d", len(data), maxManifest)
	}
	compressed, err := gzip.NewWriterLevel(w, gzip.BestSpeed) // most of it is compressed already
	if err != nil {
		return fmt.Errorf("compress backup: %w", err)
	}
	archive := tar.NewWriter(compressed)
	if err := add(archive, ManifestName, int64(len(data)), bytes.NewReader(data)); err != nil {
		return err
	}
	for _, member := range m.Members {
		if ctx.Err() != nil {
			return fmt.Errorf("write backup: %w", context.Cause(ctx))
		}
		if err := addMember(archive, member, open); err != nil {
			return &MemberError{member.Name, err}
		}
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	if err := compressed.Close(); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	return nil
}

func addMember(archive *tar.Writer, member Member, open Open) error {
	content, err := open(member)
	if err != nil {
		return err
	}
	defer content.Close()
	return add(archive, member.Name, member.Size, content)
}

func add(archive *tar.Writer, name string, size int64, content io.Reader) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, Format: tar.FormatPAX}
	if err := archive.WriteHeader(header); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	n, err := io.Copy(archive, content)
	if err == nil && n != size {
		err = fmt.Errorf("it has %d bytes, not %d", n, size)
	}
	return err
}
