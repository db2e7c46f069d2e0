package script

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/davit-dev/davit/internal/build/recipe/tree"
)

// ParseMode reads a mode of chmod(1), octal or symbolic. An empty one is the
// given default.
func ParseMode(text string, otherwise int64) (func(tree.Info) int64, error) {
	if text == "" {
		return func(tree.Info) int64 { return otherwise }, nil
	}
	if mode, err := strconv.ParseUint(text, 8, 12); err == nil {
		return func(tree.Info) int64 { return int64(mode) }, nil
	}
	var changes []func(tree.Info) int64
	for clause := range strings.SplitSeq(text, ",") {
		change, err := parseClause(clause)
		if err != nil {
			return nil, err
		}
		changes = append(changes, change)
	}
	return func(i tree.Info) int64 {
		for _, change := range changes {
			i.Mode = change(i)
		}
		return i.Mode
	}, nil
}

// parseClause reads one symbolic change, such as "u+x" or "go=rX".
func parseClause(clause string) (func(tree.Info) int64, error) {
	at := strings.IndexAny(clause, "+-=")
	if at < 0 || strings.Trim(clause[:at], "ugoa") != "" || strings.Trim(clause[at+1:], "rwxXst") != "" {
		return nil, refuse("the mode %q is not understood", clause)
	}
	who, op, what := clause[:at], clause[at], clause[at+1:]
	if who == "" || strings.Contains(who, "a") {
		who = "ugo"
	}
	return func(i tree.Info) int64 {
		mask, bits := int64(0), int64(0)
		for _, w := range who {
			shift := map[rune]int64{'u': 6, 'g': 3, 'o': 0}[w]
			mask |= 7 << shift
			bits |= permissions(what, i) << shift
		}
		bits |= special(who, what)
		switch op {
		case '+':
			return i.Mode | bits
		case '-':
			return i.Mode &^ bits
		}
		return i.Mode&^mask | bits
	}, nil
}

func permissions(what string, i tree.Info) int64 {
	bits := int64(0)
	for _, p := range what {
		switch {
		case p == 'r':
			bits |= 4
		case p == 'w':
			bits |= 2
		case p == 'x', p == 'X' && (i.Dir || i.Mode&0o111 != 0):
			bits |= 1
		}
	}
	return bits
}

func special(who, what string) int64 {
	bits := int64(0)
	if strings.Contains(what, "s") {
		if strings.Contains(who, "u") {
			bits |= 0o4000
		}
		if strings.Contains(who, "g") {
			bits |= 0o2000
		}
	}
	if strings.Contains(what, "t") {
		bits |= 0o1000
	}
	return bits
}

func chmod(s *Shell, args []string) (action, error) {
	// A mode may begin with a dash: "chmod -x file".
	if len(args) > 0 && strings.HasPrefix(args[0], "-") && strings.Trim(args[0][1:], "rwxXst") == "" {
		args = append([]string{"--"}, args...)
	}
	o, err := grammar{"chmod", "Rvcf", map[string]string{"recursive": "R"}}.parse(args)
	if err == nil {
		err = o.atLeast(2)
	}
	if err != nil {
		return nil, err
	}
	change, err := ParseMode(o.names[0], 0)
	if err != nil {
		return nil, err
	}
	o.names = o.names[1:]
	return s.change(o, func(ctx context.Context, name string) error { return s.Tree.Chmod(ctx, name, change) })
}

// change changes names, and with -R all in them.
func (s *Shell) change(o options, do func(ctx context.Context, name string) error) (action, error) {
	return o.each(s, func(ctx context.Context, name string) error {
		if !o.has("R") {
			return do(ctx, name)
		}
		var all []string
		err := s.Tree.Walk(ctx, name, func(name string, i tree.Info) error {
			if i.Link == "" || o.command != "chmod" {
				all = append(all, name)
			}
			return nil
		})
		for _, name := range all {
			if err == nil {
				err = do(ctx, name)
			}
		}
		return err
	})
}

func chown(s *Shell, args []string) (action, error) { return s.owner("chown", args) }

func chgrp(s *Shell, args []string) (action, error) { return s.owner("chgrp", args) }

func (s *Shell) owner(command string, args []string) (action, error) {
	o, err := grammar{command, "Rvcfh", map[string]string{"recursive": "R"}}.parse(args)
	if err == nil {
		err = o.atLeast(2)
	}
	if err != nil {
		return nil, err
	}
	who := o.names[0]
	if command == "chgrp" {
		who = ":" + who
	}
	o.names = o.names[1:]
	user, group, both := strings.Cut(strings.Replace(who, ".", ":", 1), ":")
	return s.change(o, func(ctx context.Context, name string) error {
		uid, gid, err := Lookup(ctx, s.Tree, user, group)
		if err != nil {
			return err
		}
		return s.Tree.Chown(ctx, name, func(before tree.Owner) tree.Owner {
			if user != "" {
				before.UID = uid
			}
			if both {
				before.GID = gid
			}
			return before
		})
	})
}

// install makes folders with -d, and copies files with a mode.
func install(s *Shell, args []string) (action, error) {
	o, err := grammar{"install", "dDvcpm:o:g:", map[string]string{"directory": "d", "mode": "m", "owner": "o", "group": "g"}}.parse(args)
	if err == nil {
		err = o.atLeast(1)
	}
	if err != nil {
		return nil, err
	}
	if !o.has("d") && len(o.names) < 2 {
		return nil, refuse("install needs two names or more")
	}
	change, err := ParseMode(o.values["m"], 0o755)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (int, error) {
		as := tree.Info{Mode: change(tree.Info{}), Owner: s.User}
		uid, gid, err := Lookup(ctx, s.Tree, o.values["o"], o.values["g"])
		if err != nil {
			return 1, err
		}
		if o.has("o") {
			as.UID = uid
		}
		if o.has("g") {
			as.GID = gid
		}
		if o.has("d") {
			return 0, s.installFolders(ctx, o.names, as)
		}
		return 0, s.installFiles(ctx, o, as)
	}, nil
}

func (s *Shell) installFolders(ctx context.Context, names []string, as tree.Info) error {
	for _, name := range names {
		if err := s.Tree.MkdirAll(ctx, path.Dir(s.abs(name)), 0o755, s.User); err != nil {
			return err
		}
		err := s.Tree.Mkdir(ctx, s.abs(name), as.Mode, as.Owner)
		if errors.Is(err, fs.ErrExist) {
			err = s.Tree.Chmod(ctx, s.abs(name), func(tree.Info) int64 { return as.Mode })
			if err == nil {
				err = s.Tree.Chown(ctx, s.abs(name), func(tree.Owner) tree.Owner { return as.Owner })
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Shell) installFiles(ctx context.Context, o options, as tree.Info) error {
	if o.has("D") {
		if err := s.Tree.MkdirAll(ctx, path.Dir(s.abs(o.names[len(o.names)-1])), 0o755, s.User); err != nil {
			return err
		}
	}
	targets, err := s.targets(ctx, o)
	if err != nil {
		return err
	}
	for _, source := range o.names[:len(o.names)-1] {
		i, err := s.Tree.Stat(ctx, s.abs(source))
		if err == nil && i.Dir {
			err = &usageError{source + ": is a folder"}
		}
		if err == nil {
			err = s.Tree.Copy(ctx, s.Tree, s.abs(source), targets[source], func(tree.Info) tree.Info { return as })
		}
		if err != nil {
			return err
		}
	}
	return nil
}
