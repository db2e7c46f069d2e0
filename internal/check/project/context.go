package project

import (
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// BuildContext is a folder that Dockerfiles are built in.
type BuildContext struct {
	Dir         string // absolute
	Path        string // relative to the project's root, with slashes; "." for the root
	Dockerfiles []*Dockerfile
}

// Contexts returns the folders that the Dockerfiles are built in, sorted by
// path. A compose file that builds a Dockerfile says which one it is. Otherwise
// it is written down nowhere: it is the Dockerfile's own folder when that has a
// .dockerignore, or else the one of that folder and the root that has more of
// what is copied, the own one when both have the same.
func (p *Project) Contexts() []BuildContext {
	said := p.saidContexts()
	byDir := map[string]*BuildContext{}
	for _, d := range p.Dockerfiles {
		dir := said[d]
		if dir == "" {
			dir = p.guessContext(d)
		}
		if !Within(p.Root, dir) && dir != d.Dir() {
			continue
		}
		if byDir[dir] == nil {
			byDir[dir] = &BuildContext{Dir: dir, Path: p.relative(dir)}
		}
		byDir[dir].Dockerfiles = append(byDir[dir].Dockerfiles, d)
	}
	var out []BuildContext
	for _, c := range byDir {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b BuildContext) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// saidContexts returns what the compose files say.
func (p *Project) saidContexts() map[*Dockerfile]string {
	said := map[*Dockerfile]string{}
	for _, c := range p.Composes {
		for _, s := range c.AST.Services {
			if b := p.ServiceBuild(c, s.Build); b.Dockerfile != nil && said[b.Dockerfile] == "" {
				said[b.Dockerfile] = b.Context
			}
		}
	}
	return said
}

func (p *Project) guessContext(d *Dockerfile) string {
	own := d.Dir()
	if own == p.Root || Exists(filepath.Join(own, ".dockerignore")) {
		return own
	}
	here, above := 0, 0
	for _, s := range d.Stages {
		for _, c := range s.Copies {
			if c.From != "" || !c.Source.Known || strings.ContainsAny(c.Source.Text, "*?[") {
				continue
			}
			name := filepath.FromSlash(strings.TrimLeft(c.Source.Text, "/"))
			if Exists(filepath.Join(own, name)) {
				here++
			}
			if Exists(filepath.Join(p.Root, name)) {
				above++
			}
		}
	}
	if above > here {
		return p.Root
	}
	return own
}

// IgnoredIn returns the file that says what is left out when a Dockerfile is
// built in a context: its own NAME.dockerignore, or else the context's
// .dockerignore; nil when there is none.
func (p *Project) IgnoredIn(c BuildContext, d *Dockerfile) *Ignore {
	if i, found := byPath(p.Ignores, d.Path+".dockerignore"); found {
		return i
	}
	if i, found := byPath(p.Ignores, path.Join(c.Path, ".dockerignore")); found {
		return i
	}
	return nil
}
