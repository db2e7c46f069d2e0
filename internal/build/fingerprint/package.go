package fingerprint

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// pkg notes what a package consists of. In the module cache and in a Go release
// nobody works, so it is enough there that nothing was touched.
func (in *inputs) pkg(p pkg) {
	switch {
	case len(p.CgoFiles)+len(p.SwigFiles)+len(p.SwigCXXFiles) > 0:
		in.leave(p.ImportPath + " uses cgo, which reads headers and libraries of this machine")
	case within(in.cache, p.Dir):
		in.add(p.Dir, cached, slices.Concat(p.compiled(), p.EmbedFiles, profileOf(p))...)
	case p.Standard:
		in.add(p.Dir, stamped, slices.Concat(p.compiled(), p.IgnoredGoFiles, p.EmbedFiles)...)
	default:
		in.own(p)
	}
	if !p.Standard {
		in.shadows(p)
	}
}

// profileOf returns default.pgo where the package has one that counts.
func profileOf(p pkg) []string {
	const profile = "default.pgo"
	if _, err := os.Stat(filepath.Join(p.Dir, profile)); p.Name != "main" || err != nil {
		return nil
	}
	return []string{profile}
}

// own notes a package that somebody works on.
func (in *inputs) own(p pkg) {
	in.add(p.Dir, sources)
	entries, err := os.ReadDir(p.Dir)
	in.keep(err)
	compiled := p.compiled()
	for _, e := range entries {
		file := filepath.Join(p.Dir, e.Name())
		switch {
		case !isSource(e.Name()) || !isFile(file, e):
		case filepath.Ext(file) == ".go" && !slices.Contains(compiled, e.Name()):
			in.add(file, header)
		default:
			in.add(file, content)
		}
	}
	for _, name := range p.EmbedFiles {
		in.add(filepath.Join(p.Dir, filepath.FromSlash(name)), regular)
	}
	for _, pattern := range p.EmbedPatterns {
		fixed, all := strings.CutPrefix(pattern, "all:")
		in.embedded(p.Dir, strings.Split(fixed, "/"), all)
	}
	if p.Module != nil && p.Module.Dir != "" {
		in.notNested(p.Module.Dir, p.Dir)
	}
}

// notNested notes that no go.mod makes another module of a folder of a module.
func (in *inputs) notNested(module, dir string) {
	for ; dir != module && within(module, dir); dir = filepath.Dir(dir) {
		in.add(filepath.Join(dir, "go.mod"), present)
	}
}

// shadows notes that no module on disk has a package of the same import path as
// one that comes from elsewhere: it would be ambiguous.
func (in *inputs) shadows(p pkg) {
	for module, dir := range in.local {
		rest, found := strings.CutPrefix(p.ImportPath, module+"/")
		place := filepath.Join(dir, filepath.FromSlash(rest))
		switch {
		case !found || place == p.Dir:
		case !in.there(place):
			in.add(place, present)
		default:
			in.add(place, sources)
			in.notNested(dir, place)
		}
	}
}

// embedded notes where a pattern of go:embed, in its parts, finds files: in a
// folder, and in those below it that a part matches (go doc embed).
func (in *inputs) embedded(dir string, pattern []string, all bool) {
	if !strings.ContainsAny(pattern[0], `*?[\`) {
		in.matched(filepath.Join(dir, pattern[0]), pattern[1:], all)
		return
	}
	in.add(dir, names)
	entries, err := os.ReadDir(dir)
	in.keep(err)
	for _, e := range entries {
		if ok, err := path.Match(pattern[0], e.Name()); err == nil && ok {
			in.matched(filepath.Join(dir, e.Name()), pattern[1:], all)
		}
	}
}

// matched notes what a part of a pattern matched. Files are listed by go list.
func (in *inputs) matched(path string, rest []string, all bool) {
	info, err := os.Lstat(path)
	if err != nil {
		in.add(path, present)
		return
	}
	if !info.IsDir() {
		return
	}
	in.add(filepath.Join(path, "go.mod"), present)
	if len(rest) > 0 {
		in.add(path, present) // a link in its place would not be followed
		in.embedded(path, rest, all)
		return
	}
	in.embeddedFolder(path, all)
}

// embeddedFolder notes a folder that is embedded as a whole.
func (in *inputs) embeddedFolder(dir string, all bool) {
	in.add(dir, names)
	entries, err := os.ReadDir(dir)
	in.keep(err)
	for _, e := range entries {
		if e.IsDir() && (all || e.Name()[0] != '.' && e.Name()[0] != '_') {
			in.embeddedFolder(filepath.Join(dir, e.Name()), all)
		}
	}
}
