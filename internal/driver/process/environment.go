package process

import (
	"maps"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/driver"
)

// variables are an environment in the order in which names were first set.
type variables struct {
	names  []string
	values map[string]string
}

func (v *variables) set(name, value string) {
	if _, known := v.values[name]; !known {
		v.names = append(v.names, name)
	}
	v.values[name] = value
}

func (v *variables) list() []string {
	list := make([]string, 0, len(v.names))
	for _, name := range v.names {
		list = append(list, name+"="+v.values[name])
	}
	return list
}

// environment is exactly what the program sees: the image's, the
// configuration's, and where to listen. Nothing of davit's own leaks in.
func environment(spec driver.Spec, address string) *variables {
	host, port, _ := strings.Cut(address, ":")
	v := &variables{values: map[string]string{}}
	v.set("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	v.set("HOME", "/")
	for _, kv := range spec.Image.Env {
		name, value, _ := strings.Cut(kv, "=")
		v.set(name, value)
	}
	given := map[string]string{}
	for _, kv := range spec.Env {
		name, value, _ := strings.Cut(kv, "=")
		given[name] = value
	}
	for name, value := range spec.Run.Env {
		if _, overridden := given[name]; !overridden {
			given[name] = value
		}
	}
	v.set("PORT", port)
	v.set("HOST", host)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		v.set(name, expand(given[name], v))
	}
	return v
}

// expand replaces $(NAME) by the variable's value, as Kubernetes does: what is
// unknown stays as it is, and $$ is a dollar sign.
func expand(text string, v *variables) string {
	var out strings.Builder
	for {
		at := strings.IndexByte(text, '$')
		if at < 0 || at+1 == len(text) {
			out.WriteString(text)
			return out.String()
		}
		out.WriteString(text[:at])
		text = text[at:]
		end := strings.IndexByte(text, ')')
		switch {
		case text[1] == '$':
			out.WriteByte('$')
			text = text[2:]
		case text[1] == '(' && end > 0:
			name := text[2:end]
			if value, known := v.values[name]; known {
				out.WriteString(value)
			} else {
				out.WriteString(text[:end+1])
			}
			text = text[end+1:]
		default:
			out.WriteByte('$')
			text = text[1:]
		}
	}
}
