package makefile

import (
	"context"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

func (c call) texts(ctx context.Context, args []string) ([]string, error) {
	all := make([]string, len(args))
	for i, arg := range args {
		var err error
		if all[i], err = c.text(ctx, arg); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func word(ctx context.Context, c call, args []string) (string, error) {
	a, err := c.texts(ctx, args)
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(strings.TrimSpace(a[0]))
	if err != nil || n < 1 {
		return "", unsupported(c.at, "$(word %s,…) is not understood", a[0])
	}
	return at(strings.Fields(a[1]), n-1), nil
}

func wordList(ctx context.Context, c call, args []string) (string, error) {
	a, err := c.texts(ctx, args)
	if err != nil {
		return "", err
	}
	first, err1 := strconv.Atoi(strings.TrimSpace(a[0]))
	last, err2 := strconv.Atoi(strings.TrimSpace(a[1]))
	if err1 != nil || err2 != nil || first < 1 || last < 0 {
		return "", unsupported(c.at, "$(wordlist %s,%s,…) is not understood", a[0], a[1])
	}
	words := strings.Fields(a[2])
	last = min(last, len(words))
	if first > last {
		return "", nil
	}
	return strings.Join(words[first-1:last], " "), nil
}

func choose(ctx context.Context, c call, args []string) (string, error) {
	condition, err := c.text(ctx, strings.TrimSpace(args[0]))
	switch {
	case err != nil:
		return "", err
	case condition != "":
		return c.text(ctx, args[1])
	case len(args) > 2:
		return c.text(ctx, args[2])
	}
	return "", nil
}

func either(ctx context.Context, c call, args []string) (string, error) {
	for _, arg := range args {
		if value, err := c.text(ctx, strings.TrimSpace(arg)); err != nil || value != "" {
			return value, err
		}
	}
	return "", nil
}

func both(ctx context.Context, c call, args []string) (value string, err error) {
	for _, arg := range args {
		if value, err = c.text(ctx, strings.TrimSpace(arg)); err != nil || value == "" {
			return "", err
		}
	}
	return value, nil
}

// with is the call with some variables in front of all others.
func (c call) with(values map[string]string) call {
	in := &scope{outer: c.in, variables: map[string]*variable{}}
	for name, value := range values {
		in.variables[name] = &variable{value: value, from: automatic}
	}
	c.in = in
	return c
}

func forEach(ctx context.Context, c call, args []string) (string, error) {
	a, err := c.texts(ctx, args[:2])
	if err != nil {
		return "", err
	}
	var out []string
	for word := range strings.FieldsSeq(a[1]) {
		value, err := c.with(map[string]string{strings.TrimSpace(a[0]): word}).text(ctx, args[2])
		if err != nil {
			return "", err
		}
		out = append(out, value)
	}
	return strings.Join(out, " "), nil
}

func callVariable(ctx context.Context, c call, args []string) (string, error) {
	a, err := c.texts(ctx, args)
	if err != nil {
		return "", err
	}
	name := strings.TrimSpace(a[0])
	if _, isFunction := functions()[name]; isFunction {
		return "", unsupported(c.at, "$(call %s,…) is not understood", name)
	}
	v := c.lookup(name, c.in)
	if v == nil || v.poison != nil || !v.recursive {
		return c.value(ctx, c.at, name, c.in)
	}
	values := map[string]string{"0": name}
	for i := 1; i < max(10, len(a)); i++ {
		values[strconv.Itoa(i)] = at(a, i)
	}
	return c.with(values).text(ctx, v.value)
}

func valueOf(ctx context.Context, c call, args []string) (string, error) {
	name, err := c.text(ctx, args[0])
	if err != nil {
		return "", err
	}
	v := c.lookup(name, c.in)
	switch {
	case v == nil && !unknownVariable(name):
		return "", nil
	case v == nil || v.poison != nil || name == "MAKEFLAGS":
		return c.value(ctx, c.at, name, c.in)
	}
	return v.value, nil
}

func originOf(ctx context.Context, c call, args []string) (string, error) {
	name, err := c.text(ctx, args[0])
	if err != nil {
		return "", err
	}
	if v := c.lookup(name, c.in); v != nil {
		return v.from.String(), nil
	}
	return "undefined", nil
}

func flavorOf(ctx context.Context, c call, args []string) (string, error) {
	name, err := c.text(ctx, args[0])
	v := c.lookup(name, c.in)
	switch {
	case err != nil:
		return "", err
	case v == nil:
		return "undefined", nil
	case v.recursive:
		return "recursive", nil
	}
	return "simple", nil
}

func shellOf(ctx context.Context, c call, args []string) (string, error) {
	command, err := c.text(ctx, args[0])
	if err != nil {
		return "", err
	}
	return c.shell(ctx, c.at, command)
}

func wildcardOf(ctx context.Context, c call, args []string) (string, error) {
	patterns, err := c.text(ctx, args[0])
	if err != nil {
		return "", err
	}
	var all []string
	for p := range strings.FieldsSeq(patterns) {
		names, err := c.glob(ctx, c.at, p)
		if err != nil {
			return "", err
		}
		all = append(all, names...)
	}
	return strings.Join(all, " "), nil
}

func absPath(ctx context.Context, c call, args []string) (string, error) {
	text, err := c.text(ctx, args[0])
	return eachWord(text, func(w string) (string, bool) {
		if !path.IsAbs(w) {
			w = path.Join(c.options.Dir, w)
		}
		return path.Clean(w), true
	}), err
}

// realPath is understood where no link is on the way: then it is abspath.
func realPath(ctx context.Context, c call, args []string) (string, error) {
	text, err := absPath(ctx, c, args)
	if err != nil {
		return "", err
	}
	var all []string
	for w := range strings.FieldsSeq(text) {
		entry, err := c.world.Look(ctx, w)
		if err != nil {
			return "", &UnsupportedError{Place: c.at.String(), Err: err}
		}
		if entry.Linked {
			return "", unsupported(c.at, "$(realpath %s) follows links", w)
		}
		if entry.Exists || w == c.options.Dir {
			all = append(all, w)
		}
	}
	return strings.Join(all, " "), nil
}

func silent(ctx context.Context, c call, args []string) (string, error) {
	_, err := c.text(ctx, args[0])
	return "", err
}

func complain(ctx context.Context, c call, args []string) (string, error) {
	text, err := c.text(ctx, args[0])
	if err != nil {
		return "", err
	}
	return "", failed(c.at, "%s", text)
}

// evalText is $(eval …), outside of recipes.
func evalText(ctx context.Context, c call, args []string) (string, error) {
	if c.in != nil && slices.Contains(slices.Collect(maps.Keys(c.in.variables)), "@") {
		return "", unsupported(c.at, "$(eval …) in a recipe is not understood")
	}
	text, err := c.text(ctx, args[0])
	if err != nil {
		return "", err
	}
	f, err := Parse(c.at.file, []byte(text))
	if err != nil {
		return "", err
	}
	for i := range f.statements {
		f.statements[i].line = c.at.line
	}
	current := c.current
	err = c.statements(ctx, c.at.file, f.statements)
	c.current = current
	return "", err
}
