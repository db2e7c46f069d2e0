package process

import (
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/driver"
)

// variables is an environment.
type variables map[string]string

// environment is exactly what the program sees: what it is told unless somebody
// says otherwise, the image's variables, those of the configuration, those of the
// spec, secrets, and where to listen; later ones win. Nothing of davit's own leaks in. $(NAME) in the configuration's and the
// spec's values is another variable's value; the image's and secrets are taken as
// they are.
func environment(spec driver.Spec, address string, told variables) variables {
	host, port, _ := net.SplitHostPort(address)
	plain, given := maps.Clone(told), variables{}
	for _, pair := range spec.Image.Env {
		plain.put(pair)
	}
	maps.Copy(given, spec.Run.Env)
	for _, pair := range spec.Env {
		given.put(pair)
	}
	maps.DeleteFunc(plain, func(name, _ string) bool { _, again := given[name]; return again })
	for _, fixed := range []variables{spec.Secrets, {"HOST": host, "PORT": port}} {
		maps.Copy(plain, fixed)
		maps.DeleteFunc(given, func(name, _ string) bool { _, taken := fixed[name]; return taken })
	}
	r := resolver{done: plain, given: given}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, done := r.done[name]; !done {
			r.resolve(name)
		}
	}
	return r.done
}

// put adds NAME=VALUE.
func (v variables) put(pair string) {
	if name, value, found := strings.Cut(pair, "="); found && name != "" {
		v[name] = value
	}
}

// list is the environment as programs are given it, sorted.
func (v variables) list() []string {
	list := make([]string, 0, len(v))
	for _, name := range slices.Sorted(maps.Keys(v)) {
		list = append(list, name+"="+v[name])
	}
	return list
}

func (v variables) look(name string) (string, bool) {
	value, known := v[name]
	return value, known
}

// resolver expands variables that name each other.
type resolver struct {
	done, given variables
	under       []string // those that are being expanded
}

// resolve expands one given variable, and first those that it names. A circle
// stays as it is written where it closes.
func (r *resolver) resolve(name string) {
	r.under = append(r.under, name)
	value := expand(r.given[name], func(other string) (string, bool) {
		_, known := r.done[other]
		if _, given := r.given[other]; given && !known && !slices.Contains(r.under, other) {
			r.resolve(other)
		}
		return r.done.look(other)
	})
	r.under = r.under[:len(r.under)-1]
	r.done[name] = value
}

// longest is the most bytes that a program can be given in one variable or
// argument (execve(2), MAX_ARG_STRLEN). References that lead beyond stay as they
// are, so that variables that name each other cannot grow without bound.
const longest = 128 << 10

// expand replaces $(NAME) by what look says, as Kubernetes does: what is unknown
// stays as it is, and $$ is a dollar sign.
func expand(text string, look func(name string) (string, bool)) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		name, rest, closed := strings.Cut(strings.TrimPrefix(after, "("), ")")
		switch {
		case strings.HasPrefix(after, "$"):
			out.WriteByte('$')
			text = after[1:]
		case strings.HasPrefix(after, "(") && closed:
			value, known := look(name)
			if !known || out.Len()+len(value) > longest {
				value = "$(" + name + ")"
			}
			out.WriteString(value)
			text = rest
		default:
			out.WriteByte('$')
			text = after
		}
	}
}
