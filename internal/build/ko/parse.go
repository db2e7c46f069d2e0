package ko

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/google/go-containerregistry/pkg/name"
	"go.yaml.in/yaml/v3"
)

// mostConfig is the size in bytes above which a .ko.yaml is refused.
const mostConfig = 1 << 20

// parser reads the nodes of a .ko.yaml. Its keys are ko's, and as in ko their
// case does not matter; one that ko does not know, and so would not heed, is an
// error.
type parser struct {
	*problems
	dir string // absolute: what builds[].dir is relative to
}

// parse reads data, the content of c.File.
func (c *Config) parse(data []byte) error {
	p := parser{&problems{file: c.File}, c.dir}
	root, err := document(c.File, data)
	if err != nil || root == nil {
		return err
	}
	p.mapping(root, "", map[string]func(*yaml.Node){
		"baseImageOverrides": func(n *yaml.Node) { c.overrides = p.overrides(n) },
		"builds":             func(n *yaml.Node) { c.builds = p.builds(n) },
		"defaultBaseImage":   func(n *yaml.Node) { c.base = p.base("defaultBaseImage", n) },
		"defaultEnv":         func(n *yaml.Node) { c.env = p.words("defaultEnv", n) },
		"defaultFlags":       func(n *yaml.Node) { c.flags = p.words("defaultFlags", n) },
		"defaultLdflags":     func(n *yaml.Node) { c.ldflags = p.words("defaultLdflags", n) },
		"defaultPlatforms":   func(n *yaml.Node) { c.platforms = p.platforms(n) },
	})
	return p.join()
}

// document returns the mapping that a file holds, nil when it is empty.
func document(file string, data []byte) (*yaml.Node, error) {
	start := place{file, 1, 1}
	switch {
	case len(data) > mostConfig:
		return nil, start.errorf("", "the file is larger than %d bytes", mostConfig)
	case !utf8.Valid(data):
		return nil, start.errorf("save it as UTF-8", "the file is not UTF-8")
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	if err := decoder.Decode(&first); errors.Is(err, io.EOF) {
		return nil, nil //nolint:nilnil // an empty file is no error and holds nothing
	} else if err != nil {
		return nil, syntaxError(file, err)
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, place{file, second.Line, second.Column}.errorf("", "a second document begins here, which ko does not read")
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxError(file, err)
	}
	root := first.Content[0]
	if isNull(root) {
		return nil, nil //nolint:nilnil // as above
	}
	if root.Kind == yaml.MappingNode {
		// The library bounds what aliases may grow to; the nodes are walked below.
		var all map[string]any
		if err := root.Decode(&all); err != nil {
			return nil, syntaxError(file, err)
		}
	}
	return root, nil
}

// mapping calls the function of each key that is there and has a value.
func (p parser) mapping(n *yaml.Node, path string, known map[string]func(*yaml.Node)) {
	for _, pair := range p.pairs(n, path) {
		found := false
		for name, read := range known {
			if !strings.EqualFold(name, pair.key.Value) {
				continue
			}
			found = true
			if !isNull(pair.value) {
				read(pair.value)
			}
		}
		if !found {
			p.add(pair.key, "ko does not heed it either; remove it, or see docs/ko.md for where davit has it",
				"unknown key %q (allowed: %s)", join(path, pair.key.Value), names(known))
		}
	}
}

type pair struct{ key, value *yaml.Node }

// pairs returns the keys of a mapping and their values, with those that are
// merged into it (https://yaml.org/type/merge.html: what is there wins).
func (p parser) pairs(n *yaml.Node, path string) []pair {
	m := target(n)
	if m.Kind != yaml.MappingNode {
		p.add(n, "", "%s must be keys with values, not %s", orFile(path), describe(m))
		return nil
	}
	var own, merged []pair
	seen := map[string]bool{}
	for i := 0; i+1 < len(m.Content); i += 2 {
		key, value := target(m.Content[i]), m.Content[i+1]
		if key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge" {
			merged = append(merged, p.merged(value, path)...)
			continue
		}
		if name := strings.ToLower(key.Value); seen[name] {
			p.add(m.Content[i], "ko does not tell upper and lower case apart", "%q is there twice", join(path, key.Value))
		} else {
			seen[name] = true
			own = append(own, pair{key, value})
		}
	}
	for _, m := range merged {
		if name := strings.ToLower(m.key.Value); !seen[name] {
			seen[name] = true
			own = append(own, m)
		}
	}
	return own
}

func (p parser) merged(n *yaml.Node, path string) []pair {
	if t := target(n); t.Kind != yaml.SequenceNode {
		return p.pairs(t, path)
	}
	var all []pair
	for _, part := range target(n).Content {
		all = append(all, p.pairs(part, path)...)
	}
	return all
}

func (p parser) overrides(n *yaml.Node) []override {
	var all []override
	for _, pair := range p.pairs(n, "baseImageOverrides") {
		all = append(all, override{pair.key.Value, p.base(join("baseImageOverrides", pair.key.Value), pair.value)})
	}
	return all
}

func (p parser) base(path string, n *yaml.Node) text {
	value, ok := p.scalar(path, n)
	if !ok {
		return text{}
	}
	if err := checkBase(value); err != nil {
		p.add(n, err.Hint, "%s: %s", path, err.Message)
	}
	return value
}

func checkBase(base text) *Error {
	if _, err := name.ParseReference(base.value); err != nil || base.value == "" {
		return base.at.errorf("", "%q is not the reference of an image, such as gcr.io/distroless/static:nonroot", base.value)
	}
	if strings.HasPrefix(base.value, localDomain+"/") {
		return base.at.errorf("push it to a registry and name it there",
			"%q is an image of this machine's Docker, which has no digest that others could find again", base.value)
	}
	return nil
}

func (p parser) platforms(n *yaml.Node) []text {
	all := splitPlatforms(p.words("defaultPlatforms", n))
	if err := checkPlatforms(all); err != nil {
		p.add(n, err.Hint, "defaultPlatforms: %s", err.Message)
	}
	return all
}

func (p parser) builds(n *yaml.Node) []entry {
	list := target(n)
	if list.Kind != yaml.SequenceNode {
		p.add(n, "", "builds must be a list, not %s", describe(list))
		return nil
	}
	var all []entry
	for _, item := range list.Content {
		if e := p.build(item); e.main != "" {
			all = append(all, e)
		}
	}
	return all
}

func (p parser) build(n *yaml.Node) entry {
	e := entry{at: p.at(n)}
	dir, folder := text{value: ".", at: e.at}, text{value: ".", at: e.at}
	single := func(key string, into *text) func(*yaml.Node) {
		return func(n *yaml.Node) {
			if value, ok := p.scalar("builds."+key, n); ok && value.value != "" {
				*into = value
			}
		}
	}
	id := text{}
	p.mapping(n, "builds", map[string]func(*yaml.Node){
		"id": single("id", &id), "dir": single("dir", &dir), "main": single("main", &folder),
		"env":                func(n *yaml.Node) { e.env = p.list("builds.env", n, whole) },
		"flags":              func(n *yaml.Node) { e.flags = p.words("builds.flags", n) },
		"ldflags":            func(n *yaml.Node) { e.ldflags = p.list("builds.ldflags", n, whole) },
		"linux_capabilities": func(n *yaml.Node) { e.capabilities = p.words("builds.linux_capabilities", n) },
	})
	e.id = id.value
	e.dir = filepath.Join(p.dir, dir.value)
	main, err := mainFolder(e.dir, folder.value)
	if err != nil {
		p.errs = append(p.errs, folder.at.errorf("dir is relative to the folder of davit's call, main to dir", "builds: %w", err))
		return entry{}
	}
	e.main = main
	return e
}

// mainFolder returns the folder of a main package, which may be named by one of
// its files.
func mainFolder(dir, main string) (string, error) {
	path := filepath.Join(dir, main)
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Mode().IsRegular() {
		path = filepath.Dir(path)
	}
	return filepath.EvalSymlinks(path)
}
