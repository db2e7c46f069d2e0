package explain

import (
	"maps"
	"runtime/debug"
	"slices"
	"strings"
)

// programs compares the Go programs that both images have, by what Go wrote into
// them.
func (c *comparison) programs(a, b Description) {
	for _, pair := range pairs(a.Files, b.Files) {
		x, y := a.Files[pair.a], b.Files[pair.b]
		if x.SHA256 == y.SHA256 {
			continue
		}
		before := len(c.found)
		c.buildInfos(pair.a, x.Info, y.Info)
		if len(c.found) == before && !differentSource(a, b) {
			c.add(Source, pair.a, "built from other text: "+short(x.SHA256), "same Go, modules and recorded settings: "+short(y.SHA256))
		}
	}
}

// differentSource says whether the provenances know that the text differs.
func differentSource(a, b Description) bool {
	return a.Provenance != nil && b.Provenance != nil && a.Provenance.Source != b.Provenance.Source
}

type pair struct{ a, b string }

// pairs are the paths of the programs that correspond: at the same path, else of
// the same main package where either image has it once.
func pairs(a, b map[string]File) []pair {
	var list []pair
	moved := mainPackages(b)
	for name, pkg := range mainPaths(a) {
		switch {
		case b[name].Info != nil:
			list = append(list, pair{name, name})
		case moved[pkg] != "" && a[moved[pkg]].Info == nil && mainPackages(a)[pkg] == name:
			list = append(list, pair{name, moved[pkg]})
		}
	}
	slices.SortFunc(list, func(x, y pair) int { return strings.Compare(x.a, y.a) })
	return list
}

// mainPaths returns the main package of each program, by path.
func mainPaths(files map[string]File) map[string]string {
	found := map[string]string{}
	for name, f := range files {
		if f.Info != nil {
			found[name] = f.Info.Path
		}
	}
	return found
}

// mainPackages returns the path of each program, by main package. One that is
// there twice has none.
func mainPackages(files map[string]File) map[string]string {
	found := map[string]string{}
	twice := map[string]bool{}
	for name, pkg := range mainPaths(files) {
		twice[pkg] = found[pkg] != ""
		found[pkg] = name
	}
	maps.DeleteFunc(found, func(pkg, _ string) bool { return twice[pkg] })
	return found
}

func (c *comparison) buildInfos(path string, a, b *debug.BuildInfo) {
	c.add(Toolchain, path, a.GoVersion, b.GoVersion)
	c.add(Setting, path+" main package", a.Path, b.Path)
	c.texts(Module, path, modules(a), modules(b))
	c.texts(Setting, path, settings(a), settings(b))
}

// texts compares named values.
func (c *comparison) texts(kind Kind, path string, a, b map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(union(a, b))) {
		c.add(kind, strings.TrimSpace(path+" "+name), a[name], b[name])
	}
}

func union[V any](a, b map[string]V) map[string]V {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]V{}
	}
	maps.Copy(all, b)
	return all
}

// modules are the versions by path, with what replaces them.
func modules(info *debug.BuildInfo) map[string]string {
	versions := map[string]string{}
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if m == nil || m.Path == "" {
			continue
		}
		versions[m.Path] = m.Version
		if r := m.Replace; r != nil {
			versions[m.Path] = strings.TrimSpace(m.Version + " => " + r.Path + " " + strings.TrimPrefix(r.Version, "(devel)"))
		}
	}
	return versions
}

func settings(info *debug.BuildInfo) map[string]string {
	values := map[string]string{}
	for _, s := range info.Settings {
		values[s.Key] = s.Value
	}
	return values
}

// short is enough of a digest for people.
func short(digest string) string {
	text := strings.TrimPrefix(digest, "sha256:")
	return text[:min(12, len(text))]
}
