package script

import (
	"slices"
	"strings"
)

// options are the flags and names of a command.
type options struct {
	command string
	values  map[string]string // by letter; "" for one without value
	names   []string
}

func (o options) has(letter string) bool { _, found := o.values[letter]; return found }

// grammar says which flags a command has: letters, each followed by a colon when
// it takes a value, and the long names of some.
type grammar struct {
	command string
	letters string
	long    map[string]string
}

func (g grammar) takes(letter string) (known, value bool) {
	i := strings.Index(g.letters, letter)
	if i < 0 || letter == ":" {
		return false, false
	}
	return true, i+1 < len(g.letters) && g.letters[i+1] == ':'
}

// parse reads flags as GNU's getopt does, also behind names.
func (g grammar) parse(args []string) (options, error) {
	o := options{command: g.command, values: map[string]string{}}
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		var err error
		switch {
		case word == "--":
			o.names = append(o.names, args...)
			return o, nil
		case strings.HasPrefix(word, "--"):
			args, err = g.longFlag(&o, word[2:], args)
		case len(word) > 1 && word[0] == '-':
			args, err = g.shortFlags(&o, word[1:], args)
		default:
			o.names = append(o.names, word)
		}
		if err != nil {
			return options{}, err
		}
	}
	return o, nil
}

func (g grammar) longFlag(o *options, word string, args []string) ([]string, error) {
	name, value, has := strings.Cut(word, "=")
	letter, known := g.long[name]
	if !known {
		return nil, refuse("%s: flag --%s is not understood", g.command, name)
	}
	_, takes := g.takes(letter)
	switch {
	case has && !takes:
		return nil, refuse("%s: flag --%s takes no value", g.command, name)
	case !has && takes && len(args) == 0:
		return nil, refuse("%s: flag --%s has no value", g.command, name)
	case !has && takes:
		value, args = args[0], args[1:]
	}
	o.values[letter] = value
	return args, nil
}

func (g grammar) shortFlags(o *options, letters string, args []string) ([]string, error) {
	for i := range len(letters) {
		letter := letters[i : i+1]
		known, takes := g.takes(letter)
		if !known {
			return nil, refuse("%s: flag -%s is not understood", g.command, letter)
		}
		if !takes {
			o.values[letter] = ""
			continue
		}
		value := letters[i+1:]
		if value == "" {
			if len(args) == 0 {
				return nil, refuse("%s: flag -%s has no value", g.command, letter)
			}
			value, args = args[0], args[1:]
		}
		o.values[letter] = value
		return args, nil
	}
	return args, nil
}

// atLeast refuses too few names.
func (o options) atLeast(n int) error {
	if len(o.names) < n {
		return refuse("%s needs %d names or more", o.command, n)
	}
	if slices.Contains(o.names, "") {
		return refuse("%s: a name is empty", o.command)
	}
	return nil
}
