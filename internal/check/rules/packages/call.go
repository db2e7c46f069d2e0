package packages

import (
	"path"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/project"
)

// call is a call of a program whose words are told apart: options, the verb, and
// what it is about.
type call struct {
	*project.Command
	run      *project.Run
	name     string                // of the program, without its folder
	at       dockerfile.Argument   // the word that is the program
	verb     string                // the first word that is no option, for programs that have verbs
	verbAt   dockerfile.Argument   // where it stands
	operands []dockerfile.Argument // the other words that are no options
	options  []option
}

// option is an option with its value, if it has one.
type option struct{ name, value string }

// has says whether an option is there, in one of its forms. A short one is also
// found among others, as -y in -qqy.
func (c call) has(names ...string) bool {
	return slices.ContainsFunc(c.options, func(o option) bool {
		return slices.ContainsFunc(names, func(name string) bool { return o.name == name || o.bundles(name) })
	})
}

// bundles says whether a short option is one of several letters behind one dash.
func (o option) bundles(short string) bool {
	letters := strings.HasPrefix(o.name, "-") && !strings.HasPrefix(o.name, "--")
	return letters && len(short) == 2 && short[0] == '-' && strings.Contains(o.name[1:], short[1:])
}

// count counts the times that a short option is given, alone or among others.
func (c call) count(short string) int {
	n := 0
	for _, o := range c.options {
		if o.name == short {
			n++
		} else if o.bundles(short) {
			n += strings.Count(o.name[1:], short[1:])
		}
	}
	return n
}

// program says how the words of a program are read.
type program struct {
	names    []string
	verbs    bool     // the first word that is no option says what is done
	valued   []string // options whose value is the next word
	dashDash bool     // what follows -- is not the program's own
}

// is says whether a command calls the program.
func (p program) is(name string) bool { return slices.Contains(p.names, name) }

// read takes a call of the program apart; words are the program and all after it.
func (p program) read(c *project.Command, words []dockerfile.Argument) call {
	out := call{Command: c, run: c.Run, name: path.Base(words[0].Text), at: words[0]}
	rest := words[1:]
	for len(rest) > 0 {
		word := rest[0]
		rest = rest[1:]
		switch text := word.Text; {
		case text == "--":
			if !p.dashDash {
				out.operands = append(out.operands, rest...)
			}
			return out
		case strings.HasPrefix(text, "-") && len(text) > 1:
			name, value, attached := strings.Cut(text, "=")
			if !attached && slices.Contains(p.valued, name) && len(rest) > 0 {
				value, rest = rest[0].Text, rest[1:]
			}
			out.options = append(out.options, option{name, value})
		case p.verbs && out.verb == "":
			out.verb, out.verbAt = text, word
		default:
			out.operands = append(out.operands, word)
		}
	}
	return out
}

// calls returns the calls of a program in a RUN, those behind ONBUILD too.
func (p program) calls(r *project.Run) []call {
	var out []call
	for _, c := range r.Commands {
		if len(c.Args) > 0 && p.is(c.Name()) {
			out = append(out, p.read(c, c.Args))
		}
	}
	return out
}

// runs returns the RUN instructions of a Dockerfile.
func runs(d *project.Dockerfile) []*project.Run {
	var out []*project.Run
	for _, s := range d.All() {
		for _, r := range s.Runs {
			if r.Instruction.Name == "RUN" {
				out = append(out, r)
			}
		}
	}
	return out
}

// after returns where something can be put behind a word; false when the word is
// not to be found in one piece.
func after(word dockerfile.Argument) (int, bool) { return word.End, word.End > word.Start }
