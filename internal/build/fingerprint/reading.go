package fingerprint

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// read reads what the kind says of a path that was glanced at.
func (s *state) read() error {
	switch {
	case s.isFolder():
		return s.readFolder()
	case s.kind == exact:
		return s.readExact()
	case s.kind == header || s.kind == content && filepath.Ext(s.path) == ".go":
		return s.readGo()
	}
	sum := sha256.New()
	if err := addFile(sum, s.path); err != nil {
		return err
	}
	s.sum = short(sum)
	return nil
}

// readGo reads a Go file as a whole and what go list reads of it.
func (s *state) readGo() error {
	text, err := os.ReadFile(s.path)
	if err != nil {
		return err
	}
	if s.kind == header {
		s.sum = head(text)
		return nil
	}
	sum := sha256.Sum256(text)
	s.sum, s.head = encode(sum[:]), head(text)
	return nil
}

func (s *state) readExact() error {
	info, err := os.Lstat(s.path)
	if err != nil {
		return err
	}
	sum := sha256.New()
	put(sum, info.Mode().String())
	if info.Mode()&fs.ModeSymlink != 0 {
		s.racy = true // what it leads to has a stamp of its own
		to, err := os.Readlink(s.path)
		if err != nil {
			return err
		}
		put(sum, to)
		if to, err = filepath.EvalSymlinks(s.path); err != nil {
			s.sum = short(sum)
			return nil //nolint:nilerr // that it leads nowhere is a fact
		}
		put(sum, to)
		if info, err = os.Stat(s.path); err != nil {
			return err
		}
	}
	if info.Mode().IsRegular() {
		put(sum, info.Mode().String())
		if err := addFile(sum, s.path); err != nil {
			return err
		}
	}
	s.sum = short(sum)
	return nil
}

// readFolder reads the names that count, with their types.
func (s *state) readFolder() error {
	entries, err := os.ReadDir(s.path)
	if err != nil {
		return err
	}
	sum := sha256.New()
	for _, e := range entries {
		if !s.counts(e) {
			continue
		}
		put(sum, e.Name())
		put(sum, e.Type().String())
		if e.Type()&fs.ModeSymlink != 0 {
			s.racy = true // what it leads to can become another type without a trace here
			to, err := typeOf(filepath.Join(s.path, e.Name()))
			if err != nil {
				return err
			}
			put(sum, to)
		}
	}
	s.sum = short(sum)
	return nil
}

func (s *state) counts(e fs.DirEntry) bool {
	switch s.kind {
	case names:
		return true
	case walked:
		return isSource(e.Name()) || e.Name() == "go.mod" || e.IsDir() && entered(e.Name())
	default:
		return isSource(e.Name()) && !e.IsDir()
	}
}

// isSource says whether the go command looks at a file of that name in a package
// folder (go help list, "Package"). Tests are among them: one that belongs to
// another package lets a build fail.
func isSource(name string) bool {
	if name == "default.pgo" {
		return true
	}
	if name[0] == '_' || name[0] == '.' {
		return false
	}
	switch filepath.Ext(name) {
	case ".go", ".c", ".cc", ".cpp", ".cxx", ".m", ".h", ".hh", ".hpp", ".hxx", ".f", ".F", ".for", ".f90",
		".s", ".S", ".sx", ".swig", ".swigcxx", ".syso":
		return true
	}
	return false
}

// entered says whether the pattern ./... matches folders of that name (go help
// packages).
func entered(name string) bool {
	return name[0] != '.' && name[0] != '_' && name != "testdata" && name != "vendor"
}

// stamps sums up the stamps of a path and of files below it, and returns the last
// time that one of them changed, in ns since 1970.
func stamps(path string, files []string) (sum string, changed int64, err error) {
	h := sha256.New()
	var line [32]byte
	name := path
	for i := -1; i < len(files); i++ {
		if i >= 0 {
			name = path + "/" + files[i]
		}
		info, err := stat(name, true)
		if err != nil {
			return "", 0, err
		}
		t := stampOf(info)
		binary.LittleEndian.PutUint64(line[0:], uint64(t.size))
		binary.LittleEndian.PutUint64(line[8:], uint64(t.modified))
		binary.LittleEndian.PutUint64(line[16:], uint64(t.changed))
		binary.LittleEndian.PutUint64(line[24:], t.inode)
		_, _ = h.Write(line[:]) // a hash does not fail
		changed = max(changed, t.changed)
	}
	return short(h), changed, nil
}

func addFile(sum hash.Hash, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(sum, f)
	return err
}

// put writes a text in a way that no other texts look like.
func put(sum hash.Hash, text string) {
	_, _ = io.WriteString(sum, strings.ReplaceAll(text, "\x00", "\x00\x01")+"\x00\x00") // a hash does not fail
}

func short(sum hash.Hash) string { return encode(sum.Sum(nil)) }

// encode shortens a sum to 128 bits, which nobody meets by accident.
func encode(sum []byte) string { return base64.RawURLEncoding.EncodeToString(sum[:16]) }
