package project

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
)

// Reach looks at the packages that the command of a product builds, as far as they are found.
func (p *Project) Reach(d *Dockerfile, made Product) Reach {
	m := d.Module
	if m == nil || m.Problem != "" {
		return Reach{Missing: true}
	}
	packages := made.Of.Go.Packages
	if len(packages) == 0 {
		packages = []dockerfile.Value{{Text: ".", Known: true}}
	}
	var out Reach
	for _, pkg := range packages {
		dir, found := p.PackageDir(d, made, pkg)
		r := Reach{Missing: true}
		if found {
			r = m.Reach(dir, made.Of.Go.Tags)
		}
		out.Cgo = out.Cgo || r.Cgo
		out.Missing = out.Missing || r.Missing
		out.Std = append(out.Std, r.Std...)
		out.Foreign = append(out.Foreign, r.Foreign...)
		out.Files = append(out.Files, r.Files...)
	}
	return out
}

// PackageDir finds the folder of a package that a command in a stage names;
// empty for a pattern of several.
func (p *Project) PackageDir(d *Dockerfile, made Product, pkg dockerfile.Value) (string, bool) {
	m, name := d.Module, pkg.Text
	switch {
	case !pkg.Known:
		return "", false
	case strings.Contains(name, "..."):
		return "", true
	case InModule(name, m.Name):
		name = "." + strings.TrimPrefix(name, m.Name)
		return filepath.Join(m.Dir, filepath.FromSlash(name)), true
	case strings.HasSuffix(name, ".go"):
		name = path.Dir(name)
	}
	if dir, found := p.HostDir(d, made.Stage, made.Stage.Resolve(made.Of.Go.Dir, dockerfile.Value{Text: name, Known: true})); found {
		return dir, true
	}
	dir := filepath.Join(m.Dir, filepath.FromSlash(name))
	return dir, !path.IsAbs(name) && isDir(dir)
}

// HostDir finds the folder of the build context that a folder of a stage was
// copied from.
func (p *Project) HostDir(d *Dockerfile, s *Stage, inside dockerfile.Value) (string, bool) {
	best, length := "", -1
	for ; s != nil && inside.Known; s = s.Below {
		for _, c := range s.Copies {
			rest, below := strings.CutPrefix(inside.Text+"/", strings.TrimSuffix(c.Dest.Text, "/")+"/")
			if c.From != "" || !c.Dest.Known || !c.Source.Known || !below || len(c.Dest.Text) <= length {
				continue
			}
			base, found := d.ContextPath(p.Root, c.Source.Text)
			if dir := filepath.Join(base, filepath.FromSlash(rest)); found && isDir(dir) {
				best, length = dir, len(c.Dest.Text)
			}
		}
	}
	return best, length >= 0
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}
