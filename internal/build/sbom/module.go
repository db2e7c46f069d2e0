package sbom

import (
	"cmp"
	"path"
	"runtime/debug"
	"strings"
)

// develVersion is what Go writes for a main module without a version.
const develVersion = "(devel)"

// addBinary adds a program with what was linked into it.
func (f Facts) addBinary(b *bill, root string, binary Binary) {
	part := component{kind: program, name: path.Base(binary.Path), path: binary.Path, sha256: binary.SHA256}
	if binary.Info != nil && binary.Info.Path != "" {
		part.note = "package " + binary.Info.Path
	}
	id := b.add(part)
	b.tie(root, contains, id)
	if binary.Info == nil {
		return
	}
	if binary.Info.Main.Path != "" {
		b.tie(id, generatedFrom, b.add(f.mainModule(binary.Info.Main)))
	}
	if version := cmp.Or(binary.Info.GoVersion, f.Toolchain); version != "" {
		b.tie(id, dependsOn, b.add(standardLibrary(version)))
	}
	for _, dep := range binary.Info.Deps {
		if dep != nil {
			b.tie(id, dependsOn, b.add(goModule(*dep)))
		}
	}
}

// mainModule is what the program was generated from.
func (f Facts) mainModule(m debug.Module) component {
	version := m.Version
	if version == develVersion {
		version = ""
	}
	part := component{
		kind: module, name: m.Path, version: version, purl: GoPURL(m.Path, version),
		note: "main module", download: f.Source.location(),
	}
	if f.Source.Tree != "" {
		part.note += "; files " + f.Source.Tree
	}
	return part
}

// location is the place of the source as SPDX writes it (section 7.7.1); ""
// where nobody else finds it, as with changes that are not committed.
func (s Source) location() string {
	if s.Repository == "" || s.Revision == "" || s.Dirty || !strings.Contains(s.Repository, "://") {
		return ""
	}
	return "git+" + strings.TrimPrefix(s.Repository, "git+") + "@" + s.Revision
}

// standardLibrary is Go's own part. Vulnerability databases call it stdlib, with
// versions that do not begin with "go".
func standardLibrary(version string) component {
	version, _, _ = strings.Cut(strings.TrimPrefix(version, "go"), " ")
	return component{kind: module, name: "stdlib", version: version, purl: GoPURL("stdlib", version), note: "Go standard library"}
}

// goModule is a module as it was compiled, so the replacement where go.mod
// replaces it.
func goModule(m debug.Module) component {
	used, note := m, ""
	if m.Replace != nil {
		used = *m.Replace
		note = "replaces " + strings.TrimSpace(m.Path+" "+m.Version)
	}
	if used.Version == "" || used.Version == develVersion {
		return localModule(m, used)
	}
	return component{
		kind: module, name: used.Path, version: used.Version, purl: GoPURL(used.Path, used.Version),
		sum: used.Sum, note: note,
	}
}

// localModule is a module that was compiled from a folder: of the workspace, or
// the one that go.mod puts in its place.
func localModule(m, used debug.Module) component {
	if m.Replace == nil {
		return component{kind: module, name: m.Path, note: "of the workspace"}
	}
	note := strings.TrimSpace(m.Path + " " + m.Version + " is replaced by a folder of the source")
	if !path.IsAbs(used.Path) {
		note += ", " + used.Path
	}
	return component{kind: module, name: m.Path, note: note}
}
