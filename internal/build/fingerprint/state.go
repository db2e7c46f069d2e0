package fingerprint

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// kind is what is looked at of a path.
type kind string

const (
	content kind = "c" // what a file holds
	stamped kind = "t" // that a file was not touched; for those that nobody changes
	names   kind = "n" // the names in a folder
	sources kind = "s" // the names in a folder that the go command looks at, and of folders
	absence kind = "a" // that there is nothing
)

// state is a path as it was seen. Size, times and inode tell cheaply that it is
// still as it was; the sum tells it surely.
type state struct {
	path     string
	kind     kind
	size     int64  // bytes
	modified int64  // ns since 1970
	changed  int64  // ns since 1970: of the inode, which nobody can set
	inode    uint64 // number
	racy     bool   // it may have been changed again without any of these changing
	sum      string // "" where none was made
}

// racyWithin is how old a change has to be for the next one to get another time:
// the clock of a file system may be that coarse.
const racyWithin = 2 * time.Second

// look reads how a path is now.
func look(path string, k kind) (state, error) {
	s := state{path: path, kind: k}
	if k == absence {
		return s, gone(path)
	}
	if err := s.stat(); err != nil {
		return s, err
	}
	newest := time.Unix(0, max(s.modified, s.changed))
	s.racy = time.Since(newest) < racyWithin
	var err error
	if k != stamped {
		s.sum, err = s.makeSum()
	}
	return s, err
}

// gone returns an error when there is something at a path.
func gone(path string) error {
	_, err := os.Lstat(path)
	switch {
	case err == nil:
		return fs.ErrExist
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		return nil
	}
	return err
}

func (s *state) isFolder() bool { return s.kind == names || s.kind == sources }

// stat reads what is cheap. Links are followed: what they lead to counts.
func (s *state) stat() error {
	info, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	if info.IsDir() != s.isFolder() {
		return fs.ErrInvalid
	}
	s.size, s.modified = info.Size(), info.ModTime().UnixNano()
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode, s.changed = sys.Ino, time.Unix(sys.Ctim.Unix()).UnixNano()
	}
	return nil
}

// sum reads what is sure: the content, or the sorted names with their types.
func (s *state) makeSum() (string, error) {
	sum := sha256.New()
	if s.isFolder() {
		entries, err := os.ReadDir(s.path)
		if err != nil {
			return "", err
		}
		for _, e := range entries {
			if s.kind == names || isSource(e.Name()) || e.IsDir() && e.Name()[0] != '.' {
				_, _ = io.WriteString(sum, e.Name()+"\x00"+e.Type().String()+"\x00") // a hash does not fail
			}
		}
		return encode(sum.Sum(nil)), nil
	}
	f, err := os.Open(s.path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return encode(sum.Sum(nil)), nil
}

// encode shortens a sum to 128 bits, which nobody meets by accident.
func encode(sum []byte) string { return base64.RawURLEncoding.EncodeToString(sum[:16]) }

// isSource says whether the go command looks at a file of that name in a package
// folder (go help list, "Package"), tests aside.
func isSource(name string) bool {
	if name == "default.pgo" {
		return true
	}
	if name[0] == '_' || name[0] == '.' || strings.HasSuffix(name, "_test.go") {
		return false
	}
	switch filepath.Ext(name) {
	case ".go", ".c", ".cc", ".cpp", ".cxx", ".m", ".h", ".hh", ".hpp", ".hxx", ".f", ".F", ".for", ".f90",
		".s", ".S", ".sx", ".swig", ".swigcxx", ".syso":
		return true
	}
	return false
}

// same says whether the path is as it was when it was recorded.
func (s state) same() bool {
	if s.kind == absence {
		return gone(s.path) == nil
	}
	now := state{path: s.path, kind: s.kind}
	if now.stat() != nil {
		return false
	}
	if !s.racy && now.identical(s) {
		return true
	}
	if s.sum == "" || s.kind == content && now.size != s.size {
		return false
	}
	sum, err := now.makeSum()
	return err == nil && sum == s.sum
}

// identical compares what stat tells.
func (s state) identical(t state) bool {
	return s.size == t.size && s.modified == t.modified && s.changed == t.changed && s.inode == t.inode
}

// untouched says whether nothing happened to the path since a time, before which
// it was recorded or not, not even a change that was taken back.
func (s state) untouched(since time.Time) bool {
	if s.kind == absence {
		return gone(s.path) == nil
	}
	now := state{path: s.path, kind: s.kind}
	return now.stat() == nil && now.identical(s) && s.changed < since.UnixNano()
}

func byPath(a, b state) int { return strings.Compare(a.path+string(a.kind), b.path+string(b.kind)) }

// unique sorts states and leaves out what is there twice.
func unique(states []state) []state {
	slices.SortFunc(states, byPath)
	return slices.CompactFunc(states, func(a, b state) bool { return a.path == b.path && a.kind == b.kind })
}
