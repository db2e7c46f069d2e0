package project

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/davit-dev/davit/internal/check/compose"
)

// ServiceBuild is what a service of a compose file is built from, as far as
// that is written down without variables and is on this machine.
type ServiceBuild struct {
	Context    string      // absolute folder; empty when it is not known
	File       string      // absolute path of the Dockerfile; empty when it is not known
	Dockerfile *Dockerfile // nil when it is not part of the project
	Stage      *Stage      // that the service runs; nil when it is not known
	NoTarget   bool        // the target that is asked for is not in the Dockerfile
}

// Dir returns the folder of the compose file; paths in it begin there.
func (c *Compose) Dir() string {
	if c.real == "" {
		return c.home
	}
	return filepath.Dir(c.real)
}

// ServiceBuild finds the Dockerfile and the stage that a service is built from
// (docs.docker.com/reference/compose-file/build).
func (p *Project) ServiceBuild(c *Compose, b *compose.Build) ServiceBuild {
	var out ServiceBuild
	if b == nil || b.Inline != nil {
		return out
	}
	context, known := constantOr(b.Context, ".")
	if !known || isRemote(context) {
		return out
	}
	out.Context = below(c.Dir(), context)
	file, known := constantOr(b.Dockerfile, "Dockerfile")
	if !known {
		return out
	}
	out.File = below(out.Context, file)
	real, err := filepath.EvalSymlinks(out.File)
	if err != nil {
		return out
	}
	for _, d := range p.Dockerfiles {
		if d.real == real {
			out.Dockerfile = d
		}
	}
	out.target(b)
	return out
}

// target finds the stage that is built: the one that is asked for, or the last.
func (s *ServiceBuild) target(b *compose.Build) {
	if s.Dockerfile == nil || len(s.Dockerfile.Stages) == 0 {
		return
	}
	name, known := constantOr(b.Target, "")
	switch {
	case !known:
	case name == "":
		s.Stage = s.Dockerfile.Stages[len(s.Dockerfile.Stages)-1]
	default:
		s.Stage = StageNamed(s.Dockerfile.Stages, name)
		s.NoTarget = s.Stage == nil
	}
}

func constantOr(n *compose.Node, otherwise string) (string, bool) {
	if n == nil || n.Null() {
		return otherwise, true
	}
	return n.Constant()
}

// isRemote knows contexts that are fetched: Git repositories, archives, images,
// other services.
func isRemote(context string) bool {
	return strings.Contains(context, "://") || strings.HasPrefix(context, "git@") || strings.HasPrefix(context, "github.com/") || strings.Contains(context, ":")
}

func below(dir, name string) string {
	name = filepath.FromSlash(name)
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(dir, name)
}

// Exists says whether something is there on this machine.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
