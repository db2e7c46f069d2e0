package ko

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/build/layer"
	"github.com/davit-dev/davit/internal/source"
)

// Where the files of kodata are in an image, and the variable that says so.
const (
	DataPath     = "/var/run/ko"
	DataVariable = "KO_DATA_PATH"
)

// dataMode is ko's for every file and folder, so that neither the umask nor the
// archive that the tree came in plays a part.
const dataMode = 0o555

// Kodata returns the files of the folder kodata beside a main package, at their
// places below DataPath, sorted; none when there is no such folder. Links are
// followed as ko does, anywhere in the module but no further. What belongs to git
// is left out, since it changes with each commit.
func Kodata(dir string) ([]layer.Entry, error) {
	root := filepath.Join(dir, "kodata")
	if info, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("read kodata: %w", err)
	}
	module, err := source.Find(dir)
	if err != nil {
		return nil, fmt.Errorf("read kodata: %w", err)
	}
	w := walk{module: module.Dir}
	if err := w.add(root, strings.TrimPrefix(DataPath, "/"), nil); err != nil {
		return nil, fmt.Errorf("read kodata: %w", err)
	}
	return w.entries, nil
}

// walk collects entries below a folder.
type walk struct {
	module  string // without links; nothing outside of it is read
	entries []layer.Entry
}

// add adds what is at a path of this machine under a name of the image. above
// are the folders, without links, that are being read.
func (w *walk) add(at, name string, above []string) error {
	real, err := filepath.EvalSymlinks(at)
	if err != nil {
		return err
	}
	if real, err = filepath.Abs(real); err != nil {
		return err
	}
	if err := w.check(at, real); err != nil {
		return err
	}
	info, err := os.Lstat(real)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return w.addFolder(at, real, name, above)
	case !info.Mode().IsRegular():
		return &Error{File: at, Message: "is neither a file nor a folder", Hint: "remove it from kodata"}
	}
	entry, err := layer.OnDisk(name, real, dataMode)
	w.entries = append(w.entries, entry)
	return err
}

// check refuses what a link leads to outside the module, and in it to git's own
// files.
func (w *walk) check(at, real string) error {
	inside, err := filepath.Rel(w.module, real)
	if err != nil || !filepath.IsLocal(inside) {
		return &Error{
			File: at, Message: fmt.Sprintf("leads to %s, outside the module in %s", real, w.module),
			Hint: "copy the file into the module: an image must not hold files of the machine that builds it",
		}
	}
	if slices.Contains(strings.Split(inside, string(filepath.Separator)), ".git") {
		return &Error{
			File: at, Message: "leads to files of git, and so would give another image with each commit",
			Hint: "remove it; the commit is in the image's provenance, and -X with {{.Git.FullCommit}} in ldflags puts it into the program",
		}
	}
	return nil
}

func (w *walk) addFolder(at, real, name string, above []string) error {
	if slices.Contains(above, real) {
		return &Error{File: at, Message: fmt.Sprintf("leads to %s, which it lies in itself", real), Hint: "remove the link"}
	}
	content, err := os.ReadDir(real)
	if err != nil {
		return err
	}
	w.entries = append(w.entries, layer.Folder(name, dataMode, 0))
	above = append(slices.Clip(above), real)
	for _, file := range content {
		if file.Name() == ".git" {
			continue
		}
		if err := w.add(filepath.Join(at, file.Name()), path.Join(name, file.Name()), above); err != nil {
			return err
		}
	}
	return nil
}
