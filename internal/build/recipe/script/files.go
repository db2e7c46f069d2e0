package script

import (
	"context"
	"errors"
	"io/fs"
	"path"

	"github.com/davit-dev/davit/internal/build/recipe/tree"
)

// each runs an action for every name.
func (o options) each(s *Shell, do func(ctx context.Context, name string) error) (action, error) {
	return func(ctx context.Context) (int, error) {
		for _, name := range o.names {
			if err := do(ctx, s.abs(name)); err != nil {
				return 1, err
			}
		}
		return 0, nil
	}, o.atLeast(1)
}

func mkdir(s *Shell, args []string) (action, error) {
	o, err := grammar{"mkdir", "pvm:", map[string]string{"parents": "p", "mode": "m", "verbose": "v"}}.parse(args)
	if err != nil {
		return nil, err
	}
	change, err := ParseMode(o.values["m"], 0o755)
	if err != nil {
		return nil, err
	}
	return o.each(s, func(ctx context.Context, name string) error {
		mode := change(tree.Info{Mode: 0o755, Dir: true})
		if !o.has("p") {
			return s.Tree.Mkdir(ctx, name, mode, s.User)
		}
		if err := s.Tree.MkdirAll(ctx, path.Dir(name), 0o755, s.User); err != nil {
			return err
		}
		return s.Tree.MkdirAll(ctx, name, mode, s.User)
	})
}

func rmdir(s *Shell, args []string) (action, error) {
	o, err := grammar{command: "rmdir"}.parse(args)
	if err != nil {
		return nil, err
	}
	return o.each(s, func(ctx context.Context, name string) error {
		inside, err := s.Tree.ReadDir(ctx, name)
		if err == nil && len(inside) > 0 {
			err = &usageError{name + ": not empty"}
		}
		if err != nil {
			return err
		}
		return s.Tree.Remove(ctx, name)
	})
}

func touch(s *Shell, args []string) (action, error) {
	o, err := grammar{command: "touch", letters: "cam"}.parse(args)
	if err != nil {
		return nil, err
	}
	return o.each(s, func(ctx context.Context, name string) error {
		if _, err := s.Tree.Stat(ctx, name); err == nil || o.has("c") || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return s.Tree.Write(ctx, name, nil, s.User)
	})
}

func remove(s *Shell, args []string) (action, error) {
	o, err := grammar{"rm", "rfRv", map[string]string{"recursive": "r", "force": "f"}}.parse(args)
	if err != nil {
		return nil, err
	}
	recursive := o.has("r") || o.has("R")
	act, err := o.each(s, func(ctx context.Context, name string) error {
		if s.servesOnlyTheBuild(name) {
			return nil
		}
		i, err := s.Tree.Lstat(ctx, name)
		if errors.Is(err, fs.ErrNotExist) && o.has("f") {
			return nil
		}
		if err == nil && i.Dir && !recursive {
			err = &usageError{name + ": is a folder"}
		}
		if err != nil {
			return err
		}
		return s.Tree.Remove(ctx, name)
	})
	if len(o.names) == 0 && o.has("f") {
		return nil, nil
	}
	return act, err
}

// servesOnlyTheBuild tells names of the Go image that nothing of the result comes
// from: what package managers keep, and the caches of Go.
func (s *Shell) servesOnlyTheBuild(name string) bool {
	if !s.Stage.Golang || s.Stage.Result {
		return false
	}
	for _, dir := range []string{
		"/etc/apk", "/etc/apt", "/var/cache", "/var/lib/apt", "/usr/share/doc", "/usr/share/man",
		"/go/pkg", "/root/.cache", "/usr/local/go",
	} {
		if name == dir || len(name) > len(dir) && name[:len(dir)+1] == dir+"/" {
			return true
		}
	}
	return false
}

// targets says where each of several names is copied or moved to: the last one,
// or into it when it is a folder.
func (s *Shell) targets(ctx context.Context, o options) (map[string]string, error) {
	sources, to := o.names[:len(o.names)-1], o.names[len(o.names)-1]
	into, err := s.Tree.IsDir(ctx, s.abs(to))
	if err != nil {
		return nil, err
	}
	if !into && (len(sources) > 1 || to[len(to)-1] == '/' && !o.has("r")) {
		return nil, &usageError{to + ": not a folder"}
	}
	all := map[string]string{}
	for _, source := range sources {
		all[source] = s.abs(to)
		if into && !o.has("T") {
			all[source] = path.Join(s.abs(to), path.Base(source))
		}
	}
	return all, nil
}

func copyFiles(s *Shell, args []string) (action, error) {
	o, err := grammar{"cp", "rRafpvdLPT", map[string]string{
		"recursive": "r", "archive": "a", "force": "f", "no-target-directory": "T",
	}}.parse(args)
	if err == nil {
		err = o.atLeast(2)
	}
	if err != nil {
		return nil, err
	}
	if o.has("R") || o.has("a") {
		o.values["r"] = ""
	}
	return func(ctx context.Context) (int, error) {
		targets, err := s.targets(ctx, o)
		if err != nil {
			return 1, err
		}
		for _, source := range o.names[:len(o.names)-1] {
			if err := s.copyOne(ctx, o, source, targets[source]); err != nil {
				return 1, err
			}
		}
		return 0, nil
	}, nil
}

func (s *Shell) copyOne(ctx context.Context, o options, source, target string) error {
	look := s.Tree.Stat
	if o.has("r") || o.has("d") || o.has("P") {
		look = s.Tree.Lstat
	}
	i, err := look(ctx, s.abs(source))
	switch {
	case err != nil:
		return err
	case i.Link != "":
		return s.Tree.Symlink(ctx, target, i.Link, s.User)
	case i.Dir && !o.has("r"):
		return &usageError{source + ": is a folder (and -r is not given)"}
	}
	keep := o.has("a") || o.has("p")
	old, err := s.Tree.Lstat(ctx, target)
	replaced := err == nil && !old.Dir && !i.Dir
	return s.Tree.Copy(ctx, s.Tree, s.abs(source), target, func(i tree.Info) tree.Info {
		switch {
		case keep:
		case replaced:
			i.Owner, i.Mode = old.Owner, old.Mode
		default:
			i.Owner, i.Mode = s.User, i.Mode&0o777
		}
		return i
	})
}

func move(s *Shell, args []string) (action, error) {
	o, err := grammar{"mv", "fvT", nil}.parse(args)
	if err == nil {
		err = o.atLeast(2)
	}
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (int, error) {
		targets, err := s.targets(ctx, o)
		if err != nil {
			return 1, err
		}
		for _, source := range o.names[:len(o.names)-1] {
			if err := s.Tree.Rename(ctx, s.abs(source), targets[source]); err != nil {
				return 1, err
			}
		}
		return 0, nil
	}, nil
}

func symlink(s *Shell, args []string) (action, error) {
	o, err := grammar{"ln", "sfnvT", map[string]string{"symbolic": "s", "force": "f", "no-dereference": "n"}}.parse(args)
	if err == nil {
		err = o.atLeast(1)
	}
	if err != nil {
		return nil, err
	}
	if !o.has("s") || len(o.names) > 2 {
		return nil, refuse("ln is understood with -s and one or two names")
	}
	if len(o.names) == 1 {
		o.names = append(o.names, path.Base(o.names[0]))
	}
	return func(ctx context.Context) (int, error) {
		target, name := o.names[0], s.abs(o.names[1])
		into, err := s.Tree.IsDir(ctx, name)
		if err != nil {
			return 1, err
		}
		if into && !o.has("T") && !o.has("n") {
			name = path.Join(name, path.Base(target))
		}
		if o.has("f") {
			if i, err := s.Tree.Lstat(ctx, name); err == nil && !i.Dir {
				err = s.Tree.Remove(ctx, name)
				if err != nil {
					return 1, err
				}
			}
		}
		return 0, s.Tree.Symlink(ctx, name, target, s.User)
	}, nil
}
