package recipe

import (
	"context"
	"maps"
	"path"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/davit-dev/davit/internal/build/recipe/script"
	"github.com/davit-dev/davit/internal/build/recipe/tree"
)

// runLine executes RUN.
func (s *stage) runLine(ctx context.Context, c *instructions.RunCommand) error {
	if s.root().shellLess() && c.PrependShell {
		return refuse("%s has no shell for RUN", s.root().name)
	}
	if security := instructions.GetSecurity(c); security != "" && security != instructions.SecuritySandbox {
		return refuse("RUN --security=%s is not understood", security)
	}
	if len(instructions.GetDevices(c)) > 0 {
		return refuse("RUN --device is not understood")
	}
	var binds []*instructions.Mount
	for _, m := range instructions.GetMounts(c) {
		if err := s.checkMount(m); err != nil {
			return err
		}
		if m.Type == instructions.MountTypeBind {
			binds = append(binds, m)
		}
	}
	if s.tree == nil {
		before := s.known
		defer func() { s.known = before }()
		s.known = before.clone()
		for _, m := range binds {
			s.note(ctx, copying{SourcesAndDest: instructions.SourcesAndDest{SourcePaths: []string{path.Join("/", m.Source)}, DestPath: m.Target}, from: m.From})
		}
		return s.runShell(ctx, c, tree.Owner{})
	}
	owner, err := s.user(ctx)
	if err != nil {
		return err
	}
	for i, m := range binds {
		if err := s.mount(ctx, m); err != nil {
			return err
		}
		defer func() { _ = s.unmount(ctx, binds[i]) }()
	}
	return s.runShell(ctx, c, owner)
}

// checkMount lets through caches, which are this machine's own, and files that
// are only read.
func (s *stage) checkMount(m *instructions.Mount) error {
	switch m.Type {
	case instructions.MountTypeCache:
		if !s.isCache(m.Target) {
			return refuse("a cache in %s, which no command of Go's uses, is not understood", m.Target)
		}
		return nil
	case instructions.MountTypeBind:
		if m.Target == "" {
			return refuse("a bind mount without a target")
		}
		return s.checkOrigin(m.From)
	case instructions.MountTypeTmpfs:
		return refuse("RUN --mount=type=tmpfs is not understood")
	case instructions.MountTypeSecret, instructions.MountTypeSSH:
		return &script.RefusalError{
			Reason: "RUN --mount=type=" + string(m.Type) + " is not understood",
			Hint:   "modules are fetched with the settings of this machine (GOPRIVATE, .netrc, SSH): leave the mount out, or let BuildKit build it",
		}
	}
	return nil
}

func (s *stage) isCache(target string) bool {
	target = s.abs(target)
	dirs := []string{"/go/pkg", "/go/src", "/go", "/root/.cache", "/root/go", "/var/cache", "/var/lib/apt", "/etc/apk/cache", "/tmp", "/gocache", "/gomodcache", "/go-cache", "/gomod-cache", "/.cache", "/.go-build"}
	for _, name := range []string{"GOPATH", "GOCACHE", "GOMODCACHE"} {
		if value, found := s.env.Get(name); found && path.IsAbs(value) {
			dirs = append(dirs, path.Clean(value))
		}
	}
	for _, dir := range dirs {
		if target == dir || strings.HasPrefix(target, dir+"/") {
			return true
		}
	}
	return false
}

func (s *stage) runShell(ctx context.Context, c *instructions.RunCommand, owner tree.Owner) error {
	sh := &script.Shell{
		Stage: s.facts, Tree: s.tree, Dir: s.config.WorkingDir, Env: maps.Clone(s.env.values), User: owner,
		Bash: len(s.config.Shell) > 0 && path.Base(s.config.Shell[0]) == "bash",
	}
	switch {
	case s.run != nil:
		sh.Machine = s.run.machine
	case s.file.context != nil:
		sh.Known = s.known
	}
	if !c.PrependShell {
		return sh.Exec(ctx, c.CmdLine)
	}
	flags, err := shellFlags(s.config.Shell)
	if err != nil {
		return err
	}
	sh.Set(flags)
	text, err := lines(c)
	if err != nil {
		return err
	}
	if strings.HasPrefix(text, "#!") {
		first, rest, _ := strings.Cut(text, "\n")
		words := strings.Fields(first[2:])
		switch {
		case len(words) == 1 && path.Base(words[0]) == "bash":
			sh.Bash = true
		case len(words) != 1 || path.Base(words[0]) != "sh":
			return refuse("a script for %s is not understood", strings.TrimSpace(first[2:]))
		}
		text = rest
	}
	return sh.Run(ctx, text)
}

// lines returns what the shell gets: the line, or its heredoc.
func lines(c *instructions.RunCommand) (string, error) {
	text := strings.Join(c.CmdLine, " ")
	if len(c.Files) == 0 {
		return text, nil
	}
	doc, err := parser.ParseHeredoc(text)
	if err != nil {
		return "", refuse("a heredoc of this form is not understood")
	}
	if doc != nil {
		data := c.Files[0].Data
		if c.Files[0].Chomp {
			data = parser.ChompHeredocContent(data)
		}
		return data, nil
	}
	for _, file := range c.Files {
		text += "\n" + file.Data + file.Name
	}
	return text, nil
}
