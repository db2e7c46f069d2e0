package build

import (
	"archive/tar"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"
)

// entry is one file or folder of a layer. A folder's name ends in a slash; no
// name begins with one.
type entry struct {
	name  string
	mode  int64 // permission bits, with 01000 for the sticky one
	owner int   // UID and GID
	size  int64
	open  func() (io.ReadCloser, error) // nil for folders
}

func folder(name string, mode int64, owner int) entry {
	return entry{name: strings.Trim(name, "/") + "/", mode: mode, owner: owner}
}

func file(name string, data []byte) entry {
	return entry{
		name: strings.TrimPrefix(name, "/"), mode: 0o644, size: int64(len(data)),
		open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	}
}

func (e entry) isFolder() bool { return strings.HasSuffix(e.name, "/") }

// withParents adds the folders that the entries need and that neither they nor
// below, the layers under them, have. The result is sorted: a folder stands
// before what is in it. An entry in the place of another is an error.
func withParents(entries, below []entry) ([]entry, error) {
	all := map[string]bool{}
	for _, e := range slices.Concat(below, entries) {
		if all[e.name] || all[strings.TrimSuffix(e.name, "/")] || all[e.name+"/"] {
			return nil, fmt.Errorf("/%s is in the image already", strings.TrimSuffix(e.name, "/"))
		}
		all[e.name] = true
	}
	complete := slices.Clone(entries)
	for _, e := range entries {
		for dir := path.Dir(strings.TrimSuffix(e.name, "/")); dir != "."; dir = path.Dir(dir) {
			if all[dir] {
				return nil, fmt.Errorf("/%s: /%s is a file in the image, not a folder", strings.TrimSuffix(e.name, "/"), dir)
			}
			if !all[dir+"/"] {
				all[dir+"/"] = true
				complete = append(complete, folder(dir, 0o755, 0))
			}
		}
	}
	slices.SortFunc(complete, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	return complete, nil
}

// writeTar writes entries, in their order, as a tar archive whose bytes depend
// on nothing else: every time is the epoch and no user has a name.
func writeTar(w io.Writer, entries []entry) error {
	archive := tar.NewWriter(w)
	for _, e := range entries {
		header := &tar.Header{
			Name: e.name, Mode: e.mode, Uid: e.owner, Gid: e.owner, Size: e.size,
			Typeflag: tar.TypeReg, ModTime: time.Unix(0, 0),
		}
		if e.isFolder() {
			header.Typeflag = tar.TypeDir
		}
		if err := archive.WriteHeader(header); err != nil {
			return fmt.Errorf("write /%s: %w", e.name, err)
		}
		if err := e.copyTo(archive); err != nil {
			return fmt.Errorf("write /%s: %w", e.name, err)
		}
	}
	return archive.Close()
}

func (e entry) copyTo(w io.Writer) error {
	if e.open == nil {
		return nil
	}
	content, err := e.open()
	if err != nil {
		return err
	}
	_, err = io.Copy(w, content)
	return errors.Join(err, content.Close())
}

// layerFormat names how entries become the bytes of a layer. It changes with
// anything that changes those bytes, so that no cached layer of an older form
// is taken.
const layerFormat = "davit layer 1: tar, gzip level 6 in blocks of 1 MiB"

// layerKey is the digest of all that goes into a layer.
func layerKey(entries []entry) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, layerFormat)
	for _, e := range entries {
		content := sha256.New()
		if err := e.copyTo(content); err != nil {
			return "", fmt.Errorf("read /%s: %w", e.name, err)
		}
		fmt.Fprintf(sum, "%q %o %d %d %x\n", e.name, e.mode, e.owner, e.size, content.Sum(nil))
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
