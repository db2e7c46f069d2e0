package explain

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime/debug"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// What OCI image-spec 1.1, layer.md "Whiteouts", calls names that take others
// away.
const (
	whiteout       = ".wh."
	opaqueWhiteout = ".wh..wh..opq"
)

// unpack puts a layer over the files of those below.
func (d *Description) unpack(ctx context.Context, index int, l v1.Layer) error {
	content, err := l.Uncompressed()
	if err != nil {
		return err
	}
	defer content.Close()
	return d.overlay(ctx, index, content)
}

// overlay reads a tar archive.
func (d *Description) overlay(ctx context.Context, index int, content io.Reader) error {
	archive := tar.NewReader(content)
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, content) // the rest is padding; reading it checks the digest
			return err
		}
		if err != nil {
			return err
		}
		if err := d.put(index, header, archive); err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
	}
}

// plainly refuses sparse files, which a layer should not have (OCI image-spec
// 1.1, layer.md): a few bytes could claim to be exabytes.
func plainly(header *tar.Header) error {
	if header.Typeflag == tar.TypeGNUSparse {
		return errors.New("it is sparse, which a layer must not hold")
	}
	for key := range header.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return errors.New("it is sparse, which a layer must not hold")
		}
	}
	return nil
}

func (d *Description) put(index int, header *tar.Header, content io.Reader) error {
	if err := plainly(header); err != nil {
		return err
	}
	name := path.Clean("/" + header.Name)
	dir, base := path.Split(name)
	switch {
	case base == opaqueWhiteout:
		d.remove(path.Clean(dir), index, false)
		return nil
	case strings.HasPrefix(base, whiteout):
		d.remove(path.Join(dir, strings.TrimPrefix(base, whiteout)), index, true)
		return nil
	case header.Typeflag == tar.TypeLink:
		linked := d.Files[path.Clean("/"+header.Linkname)]
		linked.Layer = index
		d.Files[name] = linked
		return nil
	}
	f := File{
		Layer: index, Kind: header.Typeflag, Mode: header.Mode, UID: header.Uid, GID: header.Gid,
		Size: header.Size, Link: header.Linkname, Modified: header.ModTime,
	}
	if header.Typeflag == tar.TypeReg {
		var err error
		if f.SHA256, f.Info, err = look(content); err != nil {
			return err
		}
	}
	if below, found := d.Files[name]; found && below.Kind == tar.TypeDir && f.Kind != tar.TypeDir {
		d.remove(name, index, true)
	}
	d.Files[name] = f
	return nil
}

// remove takes away what layers below index have at name: all under it, and
// with itself also name.
func (d *Description) remove(name string, index int, itself bool) {
	under := strings.TrimSuffix(name, "/") + "/"
	for path, f := range d.Files {
		if f.Layer < index && (strings.HasPrefix(path, under) || itself && path == name) {
			delete(d.Files, path)
		}
	}
}

// look hashes a file and, when it is a program, reads what Go wrote into it.
func look(content io.Reader) (sum string, info *debug.BuildInfo, err error) {
	hash := sha256.New()
	r := bufio.NewReader(content)
	magic, err := r.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", nil, err
	}
	if !bytes.Equal(magic, []byte("\x7fELF")) {
		_, err := io.Copy(hash, r)
		return hex.EncodeToString(hash.Sum(nil)), nil, err
	}
	file, err := os.CreateTemp("", "davit-explain-")
	if err != nil {
		return "", nil, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if _, err := io.Copy(io.MultiWriter(hash, file), r); err != nil {
		return "", nil, err
	}
	return hex.EncodeToString(hash.Sum(nil)), buildInfo(file.Name()), nil
}
