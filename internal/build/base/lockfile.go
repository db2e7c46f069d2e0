package base

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	"go.yaml.in/yaml/v3"

	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// LockName is the file that pins what a build takes from outside. It stands
// beside davit.yaml and is committed with it.
const LockName = "davit.lock"

const (
	lockVersion = 1
	mostLock    = 1 << 20 // bytes
)

// Lock is what davit.lock holds. The zero value pins nothing.
type Lock struct {
	Go     string            // exact toolchain, such as "go1.26.8"; "" is any
	Images map[string]Pinned // by reference, as davit.yaml has it
}

// Pinned is what a reference stood for when it was locked.
type Pinned struct {
	Digest    string            // "sha256:…" of the index or manifest
	Platforms map[string]string // "linux/arm/v7" to the digest of that platform's manifest
}

var (
	digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	goForm     = regexp.MustCompile(`^go1\.[0-9]{1,3}(\.[0-9]{1,3})?((rc|beta)[0-9]{1,2})?$`)
	platform   = regexp.MustCompile(`^[a-z0-9]+/[a-z0-9]+(/[a-z0-9.]+)?$`)
)

// ValidateGo says whether a text names one toolchain, as the toolchain line of
// go.mod does.
func ValidateGo(version string) error {
	if !goForm.MatchString(version) {
		return fmt.Errorf("%q is not a Go toolchain (allowed: a release such as go1.26.8 or go1.27rc1)", version)
	}
	return nil
}

// ReadLock reads the lock of a folder. Without one nothing is pinned.
func ReadLock(dir string) (Lock, error) {
	data, err := os.ReadFile(filepath.Join(dir, LockName))
	if errors.Is(err, fs.ErrNotExist) {
		return Lock{}, nil
	}
	if err != nil {
		return Lock{}, fmt.Errorf("read %s: %w", LockName, err)
	}
	return ParseLock(data)
}

// Write replaces the lock of a folder.
func (l Lock) Write(dir string) error {
	const everybodyReads = 0o644
	return atomicfile.Write(filepath.Join(dir, LockName), l.Print(), everybodyReads)
}

// Print returns the lock as ParseLock reads it: sorted, the same bytes for the
// same content.
func (l Lock) Print() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "# What builds take from outside, by digest. 'davit lock --update' looks for newer ones.\nversion: %d\n", lockVersion)
	if l.Go != "" {
		fmt.Fprintf(&out, "go: %s\n", l.Go)
	}
	if len(l.Images) > 0 {
		fmt.Fprintln(&out, "images:")
	}
	for _, ref := range slices.Sorted(maps.Keys(l.Images)) {
		pinned := l.Images[ref]
		fmt.Fprintf(&out, "  %q:\n    digest: %s\n", ref, pinned.Digest)
		if len(pinned.Platforms) > 0 {
			fmt.Fprintln(&out, "    platforms:")
		}
		for _, p := range slices.Sorted(maps.Keys(pinned.Platforms)) {
			fmt.Fprintf(&out, "      %s: %s\n", p, pinned.Platforms[p])
		}
	}
	return out.Bytes()
}

// ParseLock reads a lock, strictly. An error names line and column.
func ParseLock(data []byte) (Lock, error) {
	if len(data) > mostLock {
		return Lock{}, fmt.Errorf("%s: the file is larger than %d bytes", LockName, mostLock)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return Lock{}, fmt.Errorf("%s: %w", LockName, err)
	}
	if len(root.Content) == 0 {
		return Lock{}, nil
	}
	var l Lock
	version := ""
	err := eachKey(root.Content[0], func(key string, value *yaml.Node) error {
		switch key {
		case "version":
			version = value.Value
			return scalar(value)
		case "go":
			l.Go = value.Value
			return errors.Join(scalar(value), at(value, ValidateGo(l.Go)))
		case "images":
			l.Images = map[string]Pinned{}
			return eachKey(value, l.addImage)
		}
		return errUnknown
	})
	if err == nil && version != fmt.Sprint(lockVersion) {
		err = fmt.Errorf("%s: version %q is not known to this davit, which reads version %d; use a newer davit", LockName, version, lockVersion)
	}
	if err != nil {
		return Lock{}, err
	}
	return l, nil
}

func (l Lock) addImage(ref string, value *yaml.Node) error {
	if _, err := name.ParseReference(ref); err != nil || ref == "" {
		return at(value, fmt.Errorf("%q is not a reference of an image", ref))
	}
	var pinned Pinned
	err := eachKey(value, func(key string, value *yaml.Node) error {
		switch key {
		case "digest":
			pinned.Digest = value.Value
			return digest(value)
		case "platforms":
			pinned.Platforms = map[string]string{}
			return eachKey(value, func(p string, value *yaml.Node) error {
				if !platform.MatchString(p) {
					return at(value, fmt.Errorf("%q is not a platform", p))
				}
				pinned.Platforms[p] = value.Value
				return digest(value)
			})
		}
		return errUnknown
	})
	if err == nil && pinned.Digest == "" {
		err = at(value, fmt.Errorf("%s has no digest", ref))
	}
	l.Images[ref] = pinned
	return err
}

var errUnknown = errors.New("unknown key")

// eachKey calls fn for the keys of a mapping.
func eachKey(n *yaml.Node, fn func(key string, value *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return at(n, errors.New("keys with values are needed here"))
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if err := scalar(key); err != nil {
			return err
		}
		if seen[key.Value] {
			return at(key, fmt.Errorf("%q is there twice", key.Value))
		}
		seen[key.Value] = true
		if err := fn(key.Value, value); errors.Is(err, errUnknown) {
			return at(key, fmt.Errorf("%w %q", errUnknown, key.Value))
		} else if err != nil {
			return err
		}
	}
	return nil
}

func digest(n *yaml.Node) error {
	if err := scalar(n); err != nil {
		return err
	}
	if !digestForm.MatchString(n.Value) {
		return at(n, fmt.Errorf("%q is not a digest (sha256: and 64 hexadecimal digits)", n.Value))
	}
	return nil
}

func scalar(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode || n.Anchor != "" {
		return at(n, errors.New("a text is needed here"))
	}
	return nil
}

// at adds the place of a node to an error.
func at(n *yaml.Node, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s:%d:%d: %w", LockName, max(n.Line, 1), max(n.Column, 1), err)
}
