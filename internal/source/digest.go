package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
)

// digestFiles hashes the files that names lists, and tells changes, when there
// is one, about each. The digest is SHA-256 over one record a file, sorted by
// path: MODE SP SHA256(content) SP path NUL, where MODE is git's and the content
// of a symbolic link is where it points to. Names that are gone are left out.
func digestFiles(ctx context.Context, root *os.Root, names []string, changes *comparison) (string, error) {
	slices.Sort(names)
	sum := sha256.New()
	for _, name := range slices.Compact(names) {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		file, err := openFile(root, name)
		if isGone(err) || errors.Is(err, errIrregular) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("read %s: %w", name, err)
		}
		content, err := hashFile(file, name, changes)
		if err != nil {
			return "", fmt.Errorf("read %s: %w", name, err)
		}
		fmt.Fprintf(sum, "%s %s %s\x00", file.mode, content, name)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}

// content is one opened file of a tree.
type content struct {
	mode string // as git writes it
	size int64
	io.ReadSeeker
	io.Closer
}

var errIrregular = errors.New("neither a file nor a symbolic link")

func openFile(root *os.Root, name string) (content, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return content{}, err
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := root.Readlink(name)
		if err != nil {
			return content{}, err
		}
		return content{
			mode: "120000", size: int64(len(target)), ReadSeeker: strings.NewReader(target),
			Closer: io.NopCloser(nil),
		}, nil
	case !info.Mode().IsRegular():
		return content{}, errIrregular
	}
	file, err := root.Open(name)
	if err != nil {
		return content{}, err
	}
	mode := "100644"
	if info.Mode()&0o100 != 0 {
		mode = "100755"
	}
	return content{mode: mode, size: info.Size(), ReadSeeker: file, Closer: file}, nil
}

func hashFile(file content, name string, changes *comparison) (string, error) {
	defer file.Close()
	sum := sha256.New()
	writers := []io.Writer{sum}
	if changes != nil {
		writers = append(writers, changes.begin(name, file))
	}
	if _, err := io.Copy(io.MultiWriter(writers...), file); err != nil {
		return "", err
	}
	digest := hex.EncodeToString(sum.Sum(nil))
	if changes != nil {
		return digest, changes.end(name, file, digest)
	}
	return digest, nil
}

// isGone tells whether a path does not exist (any more), also because what was
// a folder on its way is a file now.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
