package ko

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

var url = regexp.MustCompile(`^[a-z][a-z0-9+.-]*://`)

// ReadManifests reads what paths name, in their order: files, folders with files
// that end in .yaml, .yml or .json (recursive: those in the folders below, too),
// and "-" for stdin. Errors about the content are of type *Error.
func ReadManifests(paths []string, recursive bool, stdin io.Reader) ([]Manifest, error) {
	var all []Manifest
	for _, path := range paths {
		files := []string{path}
		if path != "-" {
			var err error
			if files, err = list(path, recursive); err != nil {
				return nil, err
			}
		}
		for _, file := range files {
			m, err := readManifest(file, stdin)
			if err != nil {
				return nil, err
			}
			all = append(all, m)
		}
	}
	return all, nil
}

func readManifest(file string, stdin io.Reader) (Manifest, error) {
	if file == "-" {
		data, err := io.ReadAll(stdin)
		if err != nil {
			return Manifest{}, fmt.Errorf("read standard input: %w", err)
		}
		return ParseManifest("<stdin>", data)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return Manifest{}, fmt.Errorf("read a manifest: %w", err)
	}
	return ParseManifest(file, data)
}

// list returns the files that a path means.
func list(path string, recursive bool) ([]string, error) {
	if url.MatchString(path) {
		return nil, place{file: path}.errorf("download it, or pipe it into davit resolve -f -", "a manifest is a file or a folder, not a URL")
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read a manifest: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && file != path && !recursive:
			return filepath.SkipDir
		case !entry.IsDir() && slices.Contains([]string{".json", ".yaml", ".yml"}, filepath.Ext(file)):
			files = append(files, file)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the manifests in %s: %w", path, err)
	}
	if len(files) == 0 {
		return nil, place{file: path}.errorf("with -R, folders in it are read too", "no file in the folder ends in .yaml, .yml or .json")
	}
	return files, nil
}
