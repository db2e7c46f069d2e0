package fingerprint

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// kind is what is looked at of a path.
type kind byte

const (
	content kind = 'c' // what a file holds, and of a Go file what go list reads of it
	header  kind = 'h' // what go list reads of a Go file that is not compiled
	regular kind = 'e' // what a file holds that is not a link, as go:embed demands
	exact   kind = 'x' // what a file holds, its permissions, and where it leads if it is a link
	names   kind = 'n' // the names in a folder that is not a link
	sources kind = 's' // the names in a folder that the go command looks at in a package
	walked  kind = 'w' // the same, with the folders that ./... enters and with go.mod
	stamped kind = 't' // that a path and files below it were not touched
	cached  kind = 'm' // the same in the module cache, where files appear during a build
	present kind = 'p' // whether there is something, and if so of what type
)

// state is a path as it was seen. The stamp tells cheaply that it is still as it
// was; the sum tells it surely.
type state struct {
	kind  kind
	racy  bool     // it may have become another without another stamp
	path  string   // absolute
	files []string // of stamped and cached: those below path
	stamp stamp
	sum   string // of what the kind says; for present the type, "" for nothing
	head  string // of a Go file: what go list reads of it
}

// stamp is what the file system says of a path. Nobody can set changed.
type stamp struct {
	size     int64 // bytes
	modified int64 // ns since 1970
	changed  int64 // ns since 1970, of the inode
	inode    uint64
}

func (s state) isFolder() bool { return s.kind == names || s.kind == sources || s.kind == walked }

// hasStamp says whether there is a stamp that may spare reading more.
func (s state) hasStamp() bool { return s.kind != present && s.kind != stamped && s.kind != cached }

// followed says whether it is what a link leads to that counts.
func (s state) followed() bool { return s.kind != regular && s.kind != exact && s.kind != names }

// look reads how the path is now.
func (s *state) look() error {
	var err error
	switch s.kind {
	case present:
		s.sum, err = typeOf(s.path)
	case stamped, cached:
		s.sum, s.stamp.changed, err = stamps(s.path, s.files)
	default:
		if err = s.glance(); err == nil {
			err = s.read()
		}
	}
	return err
}

// glance reads only the stamp.
func (s *state) glance() error {
	info, err := stat(s.path, s.followed())
	if err != nil {
		return err
	}
	format := info.Mode & syscall.S_IFMT
	fits := format == syscall.S_IFREG || s.kind == exact
	if s.isFolder() {
		fits = format == syscall.S_IFDIR
	}
	if !fits {
		return &fs.PathError{Op: "look at", Path: s.path, Err: fs.ErrInvalid}
	}
	s.stamp = stampOf(info)
	return nil
}

func stampOf(info *syscall.Stat_t) stamp {
	return stamp{size: info.Size, modified: info.Mtim.Nano(), changed: info.Ctim.Nano(), inode: info.Ino}
}

func stat(path string, follow bool) (*syscall.Stat_t, error) {
	call := syscall.Lstat
	if follow {
		call = syscall.Stat
	}
	var info syscall.Stat_t
	for {
		err := call(path, &info)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return nil, &fs.PathError{Op: "stat", Path: path, Err: err}
		}
		return &info, nil
	}
}

// typeOf returns the type of what is at a path, "" for nothing.
func typeOf(path string) (string, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		return "", nil
	case err != nil:
		return "", err
	case info.Mode()&fs.ModeSymlink == 0:
		return info.Mode().Type().String(), nil
	}
	to, err := os.Stat(path)
	if err != nil {
		return "link to nothing", nil //nolint:nilerr // a link that leads nowhere is a fact, not a failure
	}
	return "link to " + to.Mode().Type().String(), nil
}

// same says whether the path is as it was when it was recorded.
func (s state) same() bool {
	now := state{kind: s.kind, path: s.path, files: s.files}
	if !s.hasStamp() {
		return now.look() == nil && now.sum == s.sum
	}
	if now.glance() != nil {
		return false
	}
	if !s.racy && now.stamp == s.stamp {
		return true
	}
	return now.read() == nil && now.sum == s.sum
}

// untouched says whether nothing happened to the path since a time that lies
// before the state was seen, not even a change that was taken back.
func (s state) untouched(since time.Time) bool {
	now := state{kind: s.kind, path: s.path, files: s.files}
	if !s.hasStamp() {
		return now.look() == nil && now.sum == s.sum && (s.kind != stamped || now.stamp.changed < since.UnixNano())
	}
	if now.glance() != nil || now.stamp != s.stamp || s.stamp.changed >= since.UnixNano() {
		return false
	}
	return !s.racy || now.read() == nil && now.sum == s.sum
}

// racyWithin is how coarse the clock of a file system may be: what changed that
// long before a build, or later, could change again without another stamp.
const racyWithin = 2 * time.Second

// settle decides whether the stamp is to be trusted, for a state that nothing
// happened to since a time.
func (s *state) settle(since time.Time) {
	s.racy = s.racy || max(s.stamp.modified, s.stamp.changed) >= since.Add(-racyWithin).UnixNano()
}
