// Package ko turns what a user of ko brings — a .ko.yaml, KO_ variables, folders
// kodata, ko:// references in YAML — into plain values that davit builds with.
//
// Its invariants: what ko 0.19 understands means the same here, but for the
// differences that docs/ko.md names, and what has no meaning here is an error
// with its place; YAML that is resolved keeps every byte but the references. The
// package knows nothing of images, and imports neither internal/build nor config.
package ko

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Config is what .ko.yaml and the environment say. The zero value says nothing.
type Config struct {
	// Found tells whether there is anything of ko's here at all: a file or a
	// variable. Without it, ko's defaults have no say.
	Found bool
	// File is the file that was read, "" without one.
	File string
	// Repo is KO_DOCKER_REPO as it is set; see ParseDestination.
	Repo string

	dir       string // absolute: what paths in the file are relative to
	environ   map[string]string
	base      text
	overrides []override
	platforms []text
	env       []text
	flags     []text
	ldflags   []text
	builds    []entry
}

// text is one value and where it stands.
type text struct {
	value string
	at    place
}

// override is the base of one import path.
type override struct {
	importPath string
	base       text
}

// entry is an item of builds: how one main package is built.
type entry struct {
	id           string
	at           place
	dir          string // absolute: where the go command runs
	main         string // absolute: the folder of the main package, without links
	env          []text
	flags        []text
	ldflags      []text
	capabilities []text
}

// Load reads the configuration of a folder: the file of KO_CONFIG_PATH, or else
// .ko.yaml in dir, and the variables in environ (as from os.Environ), which win.
// All that is wrong is reported at once, as errors of type *Error.
func Load(dir string, environ []string) (Config, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Config{}, fmt.Errorf("find folder %s: %w", dir, err)
	}
	c := Config{dir: abs, environ: variables(environ)}
	c.Repo = c.environ["KO_DOCKER_REPO"]
	if c.File, err = find(abs, c.environ["KO_CONFIG_PATH"]); err != nil {
		return Config{}, err
	}
	if c.File != "" {
		data, err := os.ReadFile(c.File)
		if err != nil {
			return Config{}, fmt.Errorf("read the configuration of ko: %w", err)
		}
		if err := c.parse(data); err != nil {
			return Config{}, err
		}
	}
	if err := c.readEnvironment(); err != nil {
		return Config{}, err
	}
	c.Found = c.File != "" || slices.ContainsFunc(slices.Collect(maps.Keys(c.environ)), isKoVariable)
	return c, nil
}

// formats are the endings that ko looks for, in its order, and whether they are
// YAML (which JSON is).
func formats() []string {
	return []string{"json", "toml", "yaml", "yml", "properties", "props", "prop", "hcl", "tfvars", "dotenv", "env", "ini"}
}

// find returns the file to read, "" when there is none. named is KO_CONFIG_PATH:
// a file, or the folder of a .ko.yaml.
func find(dir, named string) (string, error) {
	if named != "" {
		return findNamed(dir, named)
	}
	for _, format := range formats() {
		path := filepath.Join(dir, ".ko."+format)
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("find the configuration of ko: %w", err)
		}
		return path, checkFormat(path)
	}
	return "", nil
}

func findNamed(dir, named string) (string, error) {
	at := place{file: "KO_CONFIG_PATH"}
	path := named
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		path = filepath.Join(path, ".ko.yaml")
		info, err = os.Stat(path)
	}
	if err != nil {
		return "", at.errorf("name a file, or the folder of a .ko.yaml, or unset it", "%w", err)
	}
	if !info.Mode().IsRegular() {
		return "", at.errorf("", "%s is not a file", path)
	}
	return path, checkFormat(path)
}

func checkFormat(path string) error {
	switch ending := strings.TrimPrefix(filepath.Ext(path), "."); ending {
	case "json", "yaml", "yml":
		return nil
	default:
		return place{file: path}.errorf("write it as .ko.yaml", "a configuration of ko in the format %q is not read (allowed: yaml, yml, json)", ending)
	}
}
