package sink

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// Stdout is the path that stands for standard output.
const Stdout = "-"

// WriteRefs writes references into a file, one a line: what was pushed, as
// REGISTRY/REPOSITORY@DIGEST. The file appears whole or not at all.
func WriteRefs(path string, refs []string) error {
	err := output(path, func(w io.Writer) error {
		for _, ref := range refs {
			if _, err := io.WriteString(w, ref+"\n"); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write image references: %w", err)
	}
	return nil
}

// output has write fill the file at path, which is replaced when all is written.
// A pipe or a device, such as /dev/stdout, is written to as it is.
func output(path string, write func(io.Writer) error) error {
	if path == Stdout {
		return buffered(os.Stdout, write)
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("%s is a folder; name a file", path)
	case err == nil && !info.Mode().IsRegular():
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(buffered(f, write), f.Close())
	case err == nil:
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return replace(path, write)
}

func replace(path string, write func(io.Writer) error) error {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	err = buffered(temp, write)
	if err == nil {
		err = temp.Chmod(0o644)
	}
	if err == nil {
		err = temp.Sync()
	}
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return atomicfile.SyncDir(filepath.Dir(path))
}

func buffered(w io.Writer, write func(io.Writer) error) error {
	buffer := bufio.NewWriterSize(w, 1<<18)
	if err := write(buffer); err != nil {
		return err
	}
	return buffer.Flush()
}

// isLeftover tells whether a file is one that atomicfile had not renamed yet to
// one of the names when it was killed.
func isLeftover(file string, names ...string) bool {
	for _, name := range names {
		if strings.HasPrefix(file, "."+name+".") {
			return true
		}
	}
	return false
}
