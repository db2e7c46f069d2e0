package layer

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

// Entry is one file, folder or symbolic link of a layer. A folder's name ends in
// a slash; no name begins with one.
type Entry struct {
	Name string
	Mode int64 // permission bits, with 04000, 02000 and 01000 as in chmod(1)
	UID  int
	GID  int
	Size int64  // bytes of a file's content
	Link string // where a symbolic link points to; "" for all others
	// Capabilities is the value of a file's attribute security.capability
	// (capabilities(7)), nil for none.
	Capabilities []byte
	// Sum stands for the content where something does, so that it need not be read
	// to see whether the layer is there: the same for the same content alone.
	Sum  string
	Open func() (io.ReadCloser, error) // nil for what has no content
}

// Folder returns an empty folder.
func Folder(name string, mode int64, owner int) Entry {
	return Entry{Name: strings.Trim(name, "/") + "/", Mode: mode, UID: owner, GID: owner}
}

// File returns a file of root's that everybody can read.
func File(name string, data []byte) Entry {
	return Entry{
		Name: strings.TrimPrefix(name, "/"), Mode: 0o644, Size: int64(len(data)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	}
}

// Symlink returns a symbolic link of root's.
func Symlink(name, target string) Entry {
	return Entry{Name: strings.TrimPrefix(name, "/"), Mode: 0o777, Link: target}
}

// Whiteout says that a name of the layers below is gone (OCI image-spec 1.1,
// layer.md "Whiteouts").
func Whiteout(name string) Entry {
	dir, base := path.Split(strings.Trim(name, "/"))
	return File(dir+".wh."+base, nil)
}

// OnDisk returns a file of root's with the content of the file at path, as it is
// when the layer is made.
func OnDisk(name, path string, mode int64) (Entry, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Entry{}, err
	}
	return Entry{
		Name: strings.TrimPrefix(name, "/"), Mode: mode, Size: info.Size(),
		Open: func() (io.ReadCloser, error) { return os.Open(path) },
	}, nil
}

// IsFolder tells folders from all else.
func (e Entry) IsFolder() bool { return strings.HasSuffix(e.Name, "/") }

// WithParents adds the folders that the entries need and that neither they nor
// below, the layers under them, have. The result is sorted: a folder stands
// before what is in it. An entry in the place of another is an error.
func WithParents(entries, below []Entry) ([]Entry, error) {
	all := map[string]bool{}
	for _, e := range slices.Concat(below, entries) {
		if all[e.Name] || all[strings.TrimSuffix(e.Name, "/")] || all[e.Name+"/"] {
			return nil, fmt.Errorf("/%s is in the image already", strings.TrimSuffix(e.Name, "/"))
		}
		all[e.Name] = true
	}
	complete := slices.Clone(entries)
	for _, e := range entries {
		for dir := path.Dir(strings.TrimSuffix(e.Name, "/")); dir != "."; dir = path.Dir(dir) {
			if all[dir] {
				return nil, fmt.Errorf("/%s: /%s is a file in the image, not a folder", strings.TrimSuffix(e.Name, "/"), dir)
			}
			if !all[dir+"/"] {
				all[dir+"/"] = true
				complete = append(complete, Folder(dir, 0o755, 0))
			}
		}
	}
	slices.SortFunc(complete, func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })
	return complete, nil
}
