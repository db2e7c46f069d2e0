package project

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// candidate is a file to be read.
type candidate struct {
	name string // absolute, as it was found
	real string // absolute, without symbolic links
	home string // absolute folder that it is not to lead out of
	kind kind
}

// candidates returns what a path given by the user stands for: the files below
// the folder, or the file itself, which is a Dockerfile whatever its name unless
// that is the name of something else.
func (p *Project) candidates(ctx context.Context, path string) ([]candidate, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", path, err)
	}
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return nil, fmt.Errorf("find files: %w", err)
	}
	info, err := os.Stat(real)
	if err != nil {
		return nil, fmt.Errorf("find files: %w", err)
	}
	if info.IsDir() {
		return p.walk(ctx, real)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("find files: %s is neither a file nor a folder", path)
	}
	name := p.beside(abs)
	c := candidate{name: name, real: real, home: p.homeOf(filepath.Dir(name)), kind: kindOf(filepath.Base(name))}
	if c.kind == noKind {
		c.kind = dockerfileKind
	}
	if !Within(c.home, real) {
		return nil, fmt.Errorf("find files: %s: %w", path, errOutside)
	}
	return []candidate{c}, nil
}

// beside returns a path with the symbolic links of its folder followed, so that
// it can be told whether it is below the root.
func (p *Project) beside(path string) string {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return path
	}
	return filepath.Join(dir, filepath.Base(path))
}

// homeOf returns the root for what is below it, otherwise the folder itself:
// the user has named it.
func (p *Project) homeOf(dir string) string {
	if Within(p.Root, dir) {
		return p.Root
	}
	return dir
}

func (p *Project) walk(ctx context.Context, folder string) ([]candidate, error) {
	home := p.homeOf(folder)
	var found []candidate
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path != folder && slices.Contains([]string{".git", "vendor", "node_modules", "testdata"}, entry.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if c, ok := lookAt(path, entry, home); ok {
			found = append(found, c)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find files below %s: %w", folder, err)
	}
	return found, nil
}

func lookAt(path string, entry fs.DirEntry, home string) (candidate, bool) {
	kind := kindOf(entry.Name())
	if kind == noKind {
		return candidate{}, false
	}
	c := candidate{name: path, real: path, home: home, kind: kind}
	if entry.Type()&fs.ModeSymlink == 0 {
		return c, entry.Type().IsRegular()
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil || !Within(home, real) {
		return candidate{}, false
	}
	info, err := os.Stat(real)
	c.real = real
	return c, err == nil && info.Mode().IsRegular()
}
