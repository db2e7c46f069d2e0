// Package config turns davit.yaml into the configurations of the stages. Each
// stage owns its part: its keys, defaults and rules. Here they are put together
// and read strictly. Its invariant: no key is silently without effect, and every
// error says in which line and column of the file it is.
//
// It knows the stages' configurations and nothing of what they do with them; no
// stage may import it.
package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/mod/module"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/check"
	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/verify"
)

// FileName is where the configuration of a service is, beside its go.mod.
const FileName = "davit.yaml"

const (
	maxFile  = 1 << 20 // bytes
	maxLabel = 63      // bytes of a DNS label, RFC 1035
	maxHosts = 100
)

// Config is what davit.yaml says, with the defaults where it says nothing.
type Config struct {
	Name    string         `yaml:"name"`  // of the app: a DNS label
	Hosts   []string       `yaml:"hosts"` // host names that the edge routes to it
	Build   build.Config   `yaml:"build"`
	Run     driver.Config  `yaml:"run"`
	Verify  verify.Config  `yaml:"verify"`
	Release release.Config `yaml:"release"`
	Check   check.Config   `yaml:"check"`
}

// Default returns the configuration of a module without a davit.yaml.
func Default(modulePath string) Config {
	cfg := Config{
		Name:    NameOf(modulePath),
		Build:   build.DefaultConfig(),
		Run:     driver.Default(),
		Verify:  verify.DefaultConfig(),
		Release: release.DefaultConfig(),
		Check:   check.DefaultConfig(),
	}
	cfg.Hosts = []string{defaultHost(cfg.Name)}
	return cfg
}

func defaultHost(name string) string { return name + ".localhost" }

// NameOf returns the app name of a module: the last element of its path without
// a major version, made a DNS label.
func NameOf(modulePath string) string {
	if prefix, _, ok := module.SplitPathVersion(modulePath); ok {
		modulePath = prefix
	}
	name := strings.Map(func(r rune) rune {
		if r = unicode.ToLower(r); r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, path.Base(modulePath))
	name = strings.Trim(name, "-")
	name = strings.TrimRight(name[:min(len(name), maxLabel)], "-")
	if name == "" {
		return "app"
	}
	return name
}

// Load reads the davit.yaml in a folder, which belongs to a module. Without one
// everything has its default. What is wrong with the file are errors of type
// *Error, joined.
func Load(dir, modulePath string) (Config, error) {
	data, err := read(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Default(modulePath), misnamed(dir)
	}
	if err != nil {
		return Config{}, err
	}
	return Parse(FileName, modulePath, data)
}

// LoadCheck reads the check part of the davit.yaml in a folder; where that says
// nothing, it is as in base.
func LoadCheck(dir string, base check.Config) (check.Config, error) {
	data, err := read(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return base, misnamed(dir)
	}
	if err != nil {
		return check.Config{}, err
	}
	cfg := Default("app")
	cfg.Check = base
	cfg, err = parse(FileName, cfg, data)
	return cfg.Check, err
}

// read does not follow a link out of the folder, and does not wait at a pipe.
func read(dir string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", FileName, err)
	}
	defer func() { _ = root.Close() }()
	info, err := root.Stat(FileName)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", FileName, err)
	}
	if !info.Mode().IsRegular() {
		return nil, &Error{File: FileName, Line: 1, Column: 1, Message: "it is not a regular file"}
	}
	f, err := root.Open(FileName)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", FileName, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", FileName, err)
	}
	return data, nil
}

// misnamed is the error about a file that somebody expects to be read.
func misnamed(dir string) error {
	const other = "davit.yml"
	_, err := os.Lstat(filepath.Join(dir, other))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return &Error{
		File: other, Line: 1, Column: 1,
		Message: "the file must be called " + FileName, Hint: "mv " + other + " " + FileName,
	}
}

var label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// validate checks what belongs to no stage. The errors begin with the key.
func (c Config) validate() error {
	var errs []error
	if !validName(c.Name) {
		errs = append(errs, fmt.Errorf("name: %q is not a DNS label: at most %d small letters, digits and hyphens, no hyphen at its ends",
			c.Name, maxLabel))
	}
	if c.Run.Replicas < 1 { // which the stage takes for one, for plans of before there were any
		errs = append(errs, fmt.Errorf("run.replicas: %d is not a number of instances from 1 to %d", c.Run.Replicas, driver.MaxReplicas))
	}
	for i, target := range c.Run.Wait {
		if c.Build.Prober && strings.HasPrefix(target, "https:") {
			errs = append(errs, fmt.Errorf("run.wait[%d]: the prober, which waits in an image, has no TLS; use tcp://HOST:PORT", i))
		}
	}
	if len(c.Hosts) == 0 || len(c.Hosts) > maxHosts {
		return errors.Join(append(errs,
			fmt.Errorf("hosts: 1 to %d host names are needed, such as [%s]", maxHosts, defaultHost(NameOf(c.Name))))...)
	}
	for i, host := range c.Hosts {
		if err := release.ValidateHost(host); err != nil {
			errs = append(errs, fmt.Errorf("hosts[%d]: %w", i, err))
		}
		if slices.Contains(c.Hosts[:i], host) {
			errs = append(errs, fmt.Errorf("hosts[%d]: %q is there twice", i, host))
		}
	}
	return errors.Join(errs...)
}

func validName(name string) bool { return len(name) <= maxLabel && label.MatchString(name) }
