package gocontext

import (
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/project"
)

// goRuns returns the commands of a stage that read go.mod, in their order.
func goRuns(s *project.Stage) []*project.Command {
	var out []*project.Command
	for _, c := range s.Commands {
		if c.Instruction.Name == "RUN" && c.Go != nil && c.Go.ReadsModule() {
			out = append(out, c)
		}
	}
	return out
}

// copies says whether an instruction copies a file of the context into the
// stage: by its name, by a pattern, or with the folder that it is in.
func copies(c project.Copy, name string) bool {
	if c.From != "" || !c.Source.Known {
		return false
	}
	source := strings.TrimPrefix(path.Clean(c.Source.Text), "/")
	match, err := path.Match(source, name)
	return isAll(c) || path.Base(source) == name || err == nil && match
}

// isAll says whether all of the context is copied.
func isAll(c project.Copy) bool {
	source := path.Clean("/" + c.Source.Text)
	return c.From == "" && c.Source.Known && (source == "/" || source == "/*")
}

// before returns the copies that stand before an instruction, those of the
// stages below among them.
func before(s *project.Stage, i *dockerfile.Instruction) []project.Copy {
	var out []project.Copy
	for at := s; at != nil; at = at.Below {
		for _, c := range at.Copies {
			if c.Instruction.Start < i.Start {
				out = append(out, c)
			}
		}
	}
	return out
}

// requires says whether the module has other modules to download.
func requires(m *project.Module) bool { return m != nil && m.Mod != nil && len(m.Mod.Require) > 0 }

// isVendored says whether the modules lie in the folder vendor.
func isVendored(m *project.Module) bool {
	return project.Exists(filepath.Join(m.Dir, "vendor", "modules.txt"))
}

// localReplaces returns the folders that stand for modules.
func localReplaces(m *project.Module) []*modfile.Replace {
	var out []*modfile.Replace
	for _, r := range m.Mod.Replace {
		if r.New.Version == "" {
			out = append(out, r)
		}
	}
	return out
}

// mountsCache says whether RUN mounts a cache at a folder or above.
func mountsCache(i *dockerfile.Instruction, folder string) bool {
	for _, flag := range i.Flags {
		value := flag.Value.String()
		if flag.Name != "mount" || !strings.Contains(value, "type=cache") {
			continue
		}
		for field := range strings.SplitSeq(value, ",") {
			key, target, _ := strings.Cut(field, "=")
			if (key == "target" || key == "dst" || key == "destination") && (target == folder || strings.HasPrefix(folder, strings.TrimSuffix(target, "/")+"/")) {
				return true
			}
		}
	}
	return false
}
