package layer

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"
)

// capabilityAttribute is how tar names the attribute of Entry.Capabilities.
const capabilityAttribute = "SCHILY.xattr.security.capability"

// WriteTar writes entries, in their order, as a tar archive whose bytes depend
// on nothing else: every time is the epoch and no user has a name.
func WriteTar(w io.Writer, entries []Entry) error {
	archive := tar.NewWriter(w)
	for _, e := range entries {
		if err := archive.WriteHeader(e.header()); err != nil {
			return fmt.Errorf("write /%s: %w", e.Name, err)
		}
		if err := e.copyTo(archive); err != nil {
			return fmt.Errorf("write /%s: %w", e.Name, err)
		}
	}
	return archive.Close()
}

func (e Entry) header() *tar.Header {
	header := &tar.Header{
		Name: e.Name, Mode: e.Mode, Uid: e.UID, Gid: e.GID, Size: e.Size,
		Typeflag: tar.TypeReg, ModTime: time.Unix(0, 0),
	}
	switch {
	case e.IsFolder():
		header.Typeflag = tar.TypeDir
	case e.Link != "":
		header.Typeflag, header.Linkname = tar.TypeSymlink, e.Link
	}
	if e.Capabilities != nil {
		header.PAXRecords = map[string]string{capabilityAttribute: string(e.Capabilities)}
	}
	return header
}

func (e Entry) copyTo(w io.Writer) error {
	if e.Open == nil {
		return nil
	}
	content, err := e.Open()
	if err != nil {
		return err
	}
	_, err = io.Copy(w, content)
	return errors.Join(err, content.Close())
}

// key is the digest of all that goes into a layer.
func key(entries []Entry, compression Compression) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, compression.format())
	for _, e := range entries {
		content, err := e.sum()
		if err != nil {
			return "", fmt.Errorf("read /%s: %w", e.Name, err)
		}
		fmt.Fprintf(sum, "%q %o %d:%d %d %q %x %s\n", e.Name, e.Mode, e.UID, e.GID, e.Size, e.Link, e.Capabilities, content)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func (e Entry) sum() (string, error) {
	if e.Sum != "" {
		return e.Sum, nil
	}
	content := sha256.New()
	if err := e.copyTo(content); err != nil {
		return "", err
	}
	return hex.EncodeToString(content.Sum(nil)), nil
}
