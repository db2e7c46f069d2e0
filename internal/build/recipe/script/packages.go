package script

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/build/recipe/tree"
)

const bundle = "/etc/ssl/certs/ca-certificates.crt"

const localRoots = "/usr/local/share/ca-certificates"

// apk understands the package manager of Alpine.
func apk(s *Shell, args []string) (action, error) {
	o, err := grammar{"apk", "Uqvut:X:", map[string]string{
		"no-cache": "q", "update": "U", "update-cache": "U", "quiet": "q", "virtual": "t", "no-progress": "q",
		"upgrade": "u", "purge": "q", "verbose": "v", "repository": "X", "available": "u", "latest": "u", "no-interactive": "q",
	}}.parse(args)
	if err != nil {
		return nil, err
	}
	if len(o.names) == 0 {
		return nil, refuse("apk says what it is to do")
	}
	verb, packages := o.names[0], o.names[1:]
	switch verb {
	case "update", "fix", "info", "version", "cache":
		return s.printed("apk")
	case "upgrade":
		return nil, s.upgrade("apk upgrade")
	case "add":
		if o.has("u") {
			if err := s.upgrade("apk add --upgrade"); err != nil {
				return nil, err
			}
		}
		if name := o.values["t"]; name != "" {
			s.Stage.Virtual[name] = packages
		}
		return s.add("apk add", packages)
	case "del":
		return s.uninstall("apk del", packages)
	}
	return nil, refuse("apk %s is not understood", verb)
}

// apt understands the package manager of Debian.
func apt(s *Shell, args []string) (action, error) {
	o, err := grammar{"apt-get", "yqVft:o:", map[string]string{
		"yes": "y", "assume-yes": "y", "no-install-recommends": "q", "no-install-suggests": "q", "quiet": "q",
		"purge": "q", "auto-remove": "q", "allow-releaseinfo-change": "q", "fix-missing": "f",
	}}.parse(args)
	if err != nil {
		return nil, err
	}
	if len(o.names) == 0 {
		return nil, refuse("apt-get says what it is to do")
	}
	verb, packages := o.names[0], o.names[1:]
	switch verb {
	case "update", "clean", "autoclean", "autoremove":
		return s.printed("apt-get")
	case "upgrade", "dist-upgrade", "full-upgrade":
		return nil, s.upgrade("apt-get " + verb)
	case "install":
		return s.add("apt-get install", packages)
	case "remove", "purge":
		return s.uninstall("apt-get "+verb, packages)
	}
	return nil, refuse("apt-get %s is not understood", verb)
}

// toolsOnly tells whether packages serve nothing but the commands of this stage.
// A command of theirs that is used is one that is not understood.
func (s *Shell) toolsOnly() bool { return s.Stage.Golang && !s.Stage.Result }

func (s *Shell) upgrade(command string) error {
	if s.toolsOnly() {
		return nil
	}
	return &RefusalError{
		Reason: command + " makes another image each time",
		Hint:   "take a newer base image instead",
	}
}

// packageName takes the version off, as in "git=1:2.39" or "tzdata~2024".
func packageName(word string) string {
	if i := strings.IndexAny(word, "=<>~@"); i > 0 {
		return word[:i]
	}
	return word
}

func (s *Shell) add(command string, packages []string) (action, error) {
	roots, zones := false, false
	for _, p := range packages {
		s.Stage.Packages[packageName(p)] = true
		switch name := packageName(p); {
		case name == "ca-certificates" || name == "ca-certificates-bundle":
			roots = true
		case name == "tzdata":
			zones = true
		case !s.toolsOnly():
			return nil, &RefusalError{
				Reason: fmt.Sprintf("%s %s puts more into the image than ca-certificates and tzdata", command, p),
				Hint:   "leave it out, or take a base image that has it",
			}
		case slices.Contains([]string{"gcc", "g++", "clang", "build-base", "build-essential", "alpine-sdk"}, name):
			s.Stage.Compiler = true
		}
	}
	return func(ctx context.Context) (int, error) {
		if roots && !s.toolsOnly() {
			if err := s.putFile(ctx, bundle, s.Machine.Roots()); err != nil {
				return 1, err
			}
		}
		if zones && !s.toolsOnly() {
			return 0, s.putZones(ctx)
		}
		return 0, nil
	}, nil
}

// putFile puts a file of root's in place, with its folders.
func (s *Shell) putFile(ctx context.Context, name string, data []byte) error {
	if err := s.Tree.MkdirAll(ctx, path.Dir(name), 0o755, tree.Owner{}); err != nil {
		return err
	}
	return s.Tree.Put(ctx, name, bytes.NewReader(data), tree.Info{Mode: 0o644})
}

func (s *Shell) putZones(ctx context.Context) error {
	zones, err := s.Machine.Zones()
	if err != nil {
		return err
	}
	for _, zone := range zones {
		content, err := zone.Open()
		if err != nil {
			return err
		}
		name := "/" + zone.Name
		err = s.Tree.MkdirAll(ctx, path.Dir(name), 0o755, tree.Owner{})
		if err == nil {
			err = s.Tree.Put(ctx, name, content, tree.Info{Mode: zone.Mode})
		}
		if err = errors.Join(err, content.Close()); err != nil {
			return err
		}
	}
	return nil
}

// uninstall takes the time zones away again, which is all that can be taken away.
func (s *Shell) uninstall(command string, packages []string) (action, error) {
	if s.toolsOnly() {
		return nil, nil
	}
	zones := false
	for i := 0; i < len(packages); i++ {
		inside, virtual := s.Stage.Virtual[packages[i]]
		switch {
		case virtual:
			delete(s.Stage.Virtual, packages[i])
			packages = append(slices.Clone(packages), inside...)
		case packageName(packages[i]) == "tzdata":
			zones = true
		default:
			return nil, refuse("%s %s is not understood", command, packages[i])
		}
	}
	return func(ctx context.Context) (int, error) {
		if !zones {
			return 0, nil
		}
		err := s.Tree.Remove(ctx, "/usr/share/zoneinfo")
		return toStatus(err == nil), err
	}, nil
}

// updateRoots adds the certificates that were put beside the public ones.
func updateRoots(s *Shell, args []string) (action, error) {
	if _, err := (grammar{command: "update-ca-certificates", letters: "fv", long: map[string]string{"fresh": "f", "verbose": "v"}}).parse(args); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (int, error) {
		names, err := s.Tree.ReadDir(ctx, localRoots)
		if errors.Is(err, fs.ErrNotExist) {
			return 0, nil
		}
		if err != nil {
			return 1, err
		}
		var added []byte
		for _, name := range names {
			if !strings.HasSuffix(name, ".crt") {
				continue
			}
			data, err := s.content(ctx, path.Join(localRoots, name))
			if err != nil {
				return 1, err
			}
			added = append(append(added, bytes.TrimSpace(data)...), '\n')
		}
		if len(added) == 0 {
			return 0, nil
		}
		return 0, s.putFile(ctx, bundle, append(s.Machine.Roots(), added...))
	}, nil
}
