package ko

import (
	"context"
	"maps"
	"path/filepath"
	"strings"
)

// Settings are how one main package is built, as plain values.
type Settings struct {
	ID           string   // of the item of builds, "" where none is about the package
	Dir          string   // absolute: where the go command runs
	Base         string   // reference of an image, "" where nothing names one
	Platforms    []string // "linux/arm64", "linux" or "all"; see SelectPlatforms
	Cgo          bool
	Env          map[string]string // of the go command, without CGO_ENABLED and GOFLAGS
	Flags        []string          // of go build, each as -name or -name=value
	Tags         []string
	Ldflags      []string
	Capabilities []string // of the program's file: names such as net_bind_service
	Effective    bool     // whether Capabilities hold without the program raising them
	Origins      Origins
}

// Origins says where settings stand, as FILE:LINE:COLUMN or as the name of a
// variable; "" for what nothing sets. A list has the place of its first item.
type Origins struct {
	Base, Platforms, Env, Flags, Ldflags, Capabilities string
}

// For returns the settings of a main package: the item of builds that is about
// it, and the defaults for what that leaves out. dir is the package's folder.
// Templates are filled in; only those that ask for git or for the go command's
// settings start a process. Errors are of type *Error.
func (c Config) For(ctx context.Context, importPath, dir string) (Settings, error) {
	e := c.entryFor(dir)
	env, flags, ldflags := either(e.env, c.env), either(e.flags, c.flags), either(e.ldflags, c.ldflags)
	base := c.baseFor(importPath)
	s := Settings{
		ID: e.id, Dir: e.dir, Base: base.value, Platforms: values(c.platforms),
		Origins: Origins{
			Base: origin(base), Platforms: origin(c.platforms...), Env: origin(env...),
			Ldflags: origin(ldflags...), Capabilities: origin(e.capabilities...),
		},
	}
	goflags, err := s.setEnv(env)
	if err != nil {
		return Settings{}, err
	}
	if s.Capabilities, s.Effective, err = parseCapabilities(e.capabilities); err != nil {
		return Settings{}, err
	}
	data := c.facts(ctx, s)
	if flags, err = data.expand(flags); err != nil {
		return Settings{}, err
	}
	if ldflags, err = data.expand(ldflags); err != nil {
		return Settings{}, err
	}
	all := append(goflags, flags...)
	s.Origins.Flags = origin(all...)
	return s, s.setFlags(all, ldflags)
}

// entryFor returns the item of builds about the package in dir, of several the
// last; when there is none, one that says nothing.
func (c Config) entryFor(dir string) entry {
	found := entry{dir: c.dir}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(c.dir, dir)
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	for _, e := range c.builds {
		if e.main == filepath.Clean(dir) {
			found = e
		}
	}
	return found
}

// baseFor finds the base of an import path. ko tells no capitals apart there, so
// the exact path comes first and any other spelling of it second.
func (c Config) baseFor(importPath string) text {
	base := c.base
	for _, o := range c.overrides {
		if o.importPath == importPath {
			return o.base
		}
		if strings.EqualFold(o.importPath, importPath) {
			base = o.base
		}
	}
	return base
}

func either(own, otherwise []text) []text {
	if len(own) > 0 {
		return own
	}
	return otherwise
}

func origin(list ...text) string {
	if len(list) == 0 || list[0].value == "" && len(list) == 1 {
		return ""
	}
	return list[0].at.String()
}

// setEnv takes the environment of the go command apart. It returns the flags
// that GOFLAGS holds, which go before all others (go help environment).
func (s *Settings) setEnv(list []text) (goflags []text, err error) {
	s.Env = map[string]string{}
	for _, t := range list {
		name, value, found := strings.Cut(t.value, "=")
		switch {
		case !found || name == "":
			return nil, t.at.errorf("", "%q is not a variable (allowed: NAME=VALUE)", t.value)
		case name == "GOFLAGS":
			goflags = spread(text{value, t.at}, strings.Fields)
		case name == "CGO_ENABLED":
			if value != "0" && value != "1" {
				return nil, t.at.errorf("", "%q is not a value of CGO_ENABLED (allowed: 0, 1)", value)
			}
			s.Cgo = value == "1"
		case name == "GOOS" || name == "GOARCH":
			return nil, t.at.errorf("use defaultPlatforms or --platform",
				"%s would build the program for another platform than its image says", name)
		default:
			s.Env[name] = value
		}
	}
	return goflags, nil
}

// setFlags sets what flags and ldflags say, with all templates filled in.
func (s *Settings) setFlags(flags, ldflags []text) error {
	parsed, err := parseFlags(flags)
	if err != nil {
		return err
	}
	s.Flags, s.Tags = parsed.flags, parsed.tags
	ldflags = filled(ldflags)
	if parsed.ldflags.value != "" {
		if len(ldflags) > 0 {
			return parsed.ldflags.at.errorf("put all of them into ldflags",
				"-ldflags is there twice; ldflags at %s would hide this one", ldflags[0].at)
		}
		ldflags = []text{parsed.ldflags}
		s.Origins.Ldflags = origin(parsed.ldflags)
	}
	s.Ldflags = values(ldflags)
	if !s.Cgo {
		s.Ldflags = withoutExternal(s.Ldflags)
	}
	return nil
}

// filled leaves out what is empty, as templates may turn out.
func filled(list []text) []text {
	var all []text
	for _, t := range list {
		if strings.TrimSpace(t.value) != "" {
			all = append(all, t)
		}
	}
	return all
}

// facts returns what templates may ask for when a package is built with s.
func (c Config) facts(ctx context.Context, s Settings) *facts {
	set := map[string]string{"GOOS": "linux", "CGO_ENABLED": "0"}
	if s.Cgo {
		set["CGO_ENABLED"] = "1"
	}
	if len(s.Platforms) == 1 && strings.Contains(s.Platforms[0], "/") {
		set["GOARCH"] = strings.Split(s.Platforms[0], "/")[1]
	}
	maps.Copy(set, s.Env)
	f := &facts{Env: map[string]string{"LDFLAGS": ""}, ctx: ctx, dir: s.Dir, set: set, epoch: c.environ["SOURCE_DATE_EPOCH"]}
	for _, all := range []map[string]string{c.environ, set} {
		maps.Copy(f.Env, all)
	}
	return f
}
