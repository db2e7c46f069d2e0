package verify

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// Load reads the suite that cfg names, from files below dir, the module's
// folder. Errors in a file stand at file:line:column, all of a file at once.
func Load(dir string, cfg Config) (Suite, error) {
	if err := cfg.Validate(); err != nil {
		return Suite{}, prefix("verify.", err)
	}
	suite := Suite{Load: cfg.Load, Env: cfg.Env}
	if cfg.HTTP == NoFiles {
		return suite, nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Suite{}, fmt.Errorf("open module: %w", err)
	}
	defer func() { _ = root.Close() }() // nothing was written
	names, err := fileNames(root, cfg.HTTP)
	if err != nil {
		return Suite{}, err
	}
	if suite.Files, err = readFiles(root, names); err != nil {
		return Suite{}, err
	}
	if err := suite.Validate(); err != nil {
		return Suite{}, fmt.Errorf("verify.http: %w", err)
	}
	return suite, nil
}

// fileNames returns the assertion files that setting names, sorted.
func fileNames(root *os.Root, setting string) ([]string, error) {
	start := filepath.ToSlash(filepath.Clean(setting))
	if setting == "" {
		start = DefaultFolder
	}
	info, err := root.Stat(start)
	if errors.Is(err, fs.ErrNotExist) && setting == "" {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("verify.http: %q cannot be read: %w", start, unwrapPath(err))
	}
	if !info.IsDir() {
		return []string{start}, nil
	}
	names, err := yamlBelow(root, start)
	if err == nil && len(names) == 0 && setting != "" {
		return nil, fmt.Errorf("verify.http: the folder %q holds no .yaml file", start)
	}
	return names, err
}

func yamlBelow(root *os.Root, folder string) ([]string, error) {
	var names []string
	err := fs.WalkDir(root.FS(), folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("verify.http: %q cannot be read: %w", name, unwrapPath(err))
		}
		if ext := path.Ext(name); entry.IsDir() || ext != ".yaml" && ext != ".yml" {
			return nil
		}
		if names = append(names, name); len(names) > maxFiles {
			return fmt.Errorf("verify.http: the folder %q holds more than %d .yaml files", folder, maxFiles)
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}

func readFiles(root *os.Root, names []string) ([]File, error) {
	var files []File
	var errs []error
	total := 0
	for _, name := range names {
		data, err := readFile(root, name)
		if err != nil {
			return nil, err
		}
		if total += len(data); total > maxSuiteBytes {
			return nil, fmt.Errorf("verify.http: the files are larger than %d KiB together", maxSuiteBytes>>10)
		}
		file, err := parseFile(name, data)
		files, errs = append(files, file), append(errs, err)
	}
	return files, errors.Join(errs...)
}

func readFile(root *os.Root, name string) ([]byte, error) {
	// Asked before it is opened: a named pipe would not return from open.
	info, err := root.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read: %w", name, unwrapPath(err))
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: is not a regular file", name)
	}
	file, err := root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read: %w", name, unwrapPath(err))
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read: %w", name, unwrapPath(err))
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("%s: is larger than %d KiB", name, maxFileBytes>>10)
	}
	return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), nil
}

// unwrapPath leaves out the operation and the path that a *fs.PathError repeats.
func unwrapPath(err error) error {
	if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
		return wrapped.Err
	}
	return err
}
