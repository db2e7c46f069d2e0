// Package makefile turns a makefile of GNU make and the names of targets into the
// lines that make would give to the shell, one recipe after the other.
//
// Its invariant: it runs nothing and reads nothing itself, but asks its World, and
// what it does not understand is an *UnsupportedError as soon as it counts for a
// target that is wanted, never a guess. A variable whose value is not to be had
// does no harm where it is not expanded. The package imports only the standard
// library.
package makefile

import (
	"strings"
)

// File is a makefile, not yet expanded.
type File struct {
	Name       string
	statements []statement
}

// kind is what a statement does.
type kind int

const (
	assigns    kind = iota // NAME op text
	states                 // a rule: targets and what they need, in text
	recipeLine             // text for the shell, of the rule before
	includes               // text: names of files
	exports                // text: names; or all of them
	unexports
	undefines
	branches   // one of several lists of statements
	expression // a line that is nothing but $(…)
	foreign    // not understood: text says what
)

// statement is one line, or a block of lines.
type statement struct {
	kind     kind
	line     int
	name     string // of the variable that is assigned
	op       string // "=", ":=", "?=", "+=", "!="
	text     string
	override bool
	export   bool
	optional bool // -include
	branches []branch
}

// branch is a condition with the statements that it guards.
type branch struct {
	line       int
	word       string // "ifeq", "ifneq", "ifdef", "ifndef", or "" for a bare else
	text       string
	statements []statement
}

// mostText bounds a makefile, in bytes.
const mostText = 1 << 20

// mostNested bounds conditionals inside each other.
const mostNested = 50

// Parse reads a makefile. It expands nothing.
func Parse(name string, data []byte) (*File, error) {
	if len(data) > mostText {
		return nil, unsupported(place{name, 1}, "the makefile is too long")
	}
	p := &parser{name: name, lines: strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")}
	f := &File{Name: name}
	statements, end, err := p.block(0)
	if err == nil && end.word != "" {
		err = unsupported(place{name, end.line}, "%s without ifeq or ifdef", end.word)
	}
	f.statements = statements
	return f, err
}

type parser struct {
	name   string
	lines  []string
	next   int
	inRule bool // a line that begins with a tab belongs to a recipe
}

func (p *parser) at(line int) place { return place{p.name, line} }

// logical returns the next line with the lines that continue it, and where it
// begins.
func (p *parser) logical() (text string, line int) {
	line = p.next + 1
	text = p.lines[p.next]
	p.next++
	isRecipe := p.inRule && strings.HasPrefix(text, "\t")
	for continues(text) && p.next < len(p.lines) {
		after := p.lines[p.next]
		p.next++
		if isRecipe {
			text += "\n" + strings.TrimPrefix(after, "\t")
			continue
		}
		text = strings.TrimRight(text[:len(text)-1], " \t") + " " + strings.TrimLeft(after, " \t")
	}
	return text, line
}

// continues tells whether a line ends in an odd number of backslashes.
func continues(text string) bool {
	return (len(text)-len(strings.TrimRight(text, `\`)))%2 == 1
}

// ending is the directive that ends a block.
type ending struct {
	word, text string
	line       int
}

// block reads statements up to else, endif or the end of the file.
func (p *parser) block(depth int) ([]statement, ending, error) {
	var all []statement
	for p.next < len(p.lines) {
		text, line := p.logical()
		if p.inRule && strings.HasPrefix(text, "\t") {
			all = append(all, statement{kind: recipeLine, line: line, text: text[1:]})
			continue
		}
		text = strings.TrimSpace(withoutComment(text))
		if text == "" {
			continue
		}
		word, rest := firstWord(text)
		switch word {
		case "else", "endif":
			return all, ending{word, rest, line}, nil
		case "ifeq", "ifneq", "ifdef", "ifndef":
			s, err := p.conditional(word, rest, line, depth)
			if err != nil {
				return nil, ending{}, err
			}
			all = append(all, s)
			continue
		}
		s, err := p.statement(text, line)
		if err != nil {
			return nil, ending{}, err
		}
		p.inRule = s.kind == states
		all = append(all, s)
		if rule, recipe, found := cutOutside(text, ";"); found && s.kind == states {
			all[len(all)-1].text = rule
			all = append(all, statement{kind: recipeLine, line: line, text: strings.TrimLeft(recipe, " \t")})
		}
	}
	return all, ending{}, nil
}

// conditional reads the branches of an ifeq up to its endif.
func (p *parser) conditional(word, rest string, line, depth int) (statement, error) {
	s := statement{kind: branches, line: line}
	if depth > mostNested {
		return s, unsupported(p.at(line), "conditionals are nested too deeply")
	}
	for {
		b := branch{line: line, word: word, text: rest}
		statements, end, err := p.block(depth + 1)
		if err != nil {
			return s, err
		}
		b.statements = statements
		s.branches = append(s.branches, b)
		switch {
		case end.word == "":
			return s, unsupported(p.at(s.line), "%s without endif", s.branches[0].word)
		case end.word == "endif":
			return s, nil
		case word == "":
			return s, unsupported(p.at(end.line), "else behind else")
		}
		line = end.line
		word, rest = firstWord(end.text)
		if word != "" && word != "ifeq" && word != "ifneq" && word != "ifdef" && word != "ifndef" {
			return s, unsupported(p.at(end.line), "else %s is not understood", word)
		}
	}
}

// statement reads a line that is no recipe and no conditional.
func (p *parser) statement(text string, line int) (statement, error) {
	s := statement{line: line}
	for {
		word, rest := firstWord(text)
		if _, isRule := operator(text); word == text && isRule == ":" {
			break // a target with the name of a directive
		}
		switch word {
		case "override":
			s.override, text = true, rest
			continue
		case "private":
			return s, unsupported(p.at(line), "private is not understood")
		case "include", "-include", "sinclude":
			s.kind, s.text, s.optional = includes, rest, word != "include"
			return s, nil
		case "define":
			return p.define(s, rest)
		case "undefine":
			s.kind, s.text = undefines, rest
			return s, nil
		case "vpath", "load", "-load", "endef":
			s.kind, s.text = foreign, word+" is not understood"
			return s, nil
		case "export":
			if at, op := operator(rest); op != "" && op != ":" && isWord(rest[:at]) {
				s.export, text = true, rest
				continue
			}
			s.kind, s.text = exports, rest
			return s, nil
		case "unexport":
			s.kind, s.text = unexports, rest
			return s, nil
		}
		break
	}
	return p.assignment(s, text)
}

func (p *parser) assignment(s statement, text string) (statement, error) {
	at, op := operator(text)
	switch {
	case op == ":":
		s.kind, s.text = states, text
	case op == "" && strings.HasPrefix(text, "$"):
		s.kind, s.text = expression, text
	case op == "" || !isWord(text[:at]):
		s.kind, s.text = foreign, "this line is not understood"
	default:
		s.kind, s.name, s.op = assigns, strings.TrimSpace(text[:at]), op
		s.text = strings.TrimLeft(text[at+len(op):], " \t")
		if op == "::=" || op == ":::=" {
			s.op = ":="
			if op == ":::=" {
				s.kind, s.text = foreign, ":::= is not understood"
			}
		}
	}
	return s, nil
}

// define reads a variable of several lines.
func (p *parser) define(s statement, rest string) (statement, error) {
	s.kind, s.name, s.op = assigns, strings.TrimSpace(rest), "="
	if at, op := operator(rest); op != "" && op != ":" {
		s.name, s.op = strings.TrimSpace(rest[:at]), strings.Replace(op, "::=", ":=", 1)
	}
	var lines []string
	for depth := 1; p.next < len(p.lines); {
		text := p.lines[p.next]
		p.next++
		switch word, _ := firstWord(strings.TrimSpace(withoutComment(text))); {
		case strings.HasPrefix(text, "\t"):
		case word == "define":
			depth++
		case word == "endef":
			depth--
		}
		if depth == 0 {
			s.text = strings.Join(lines, "\n")
			return s, nil
		}
		lines = append(lines, text)
	}
	return s, unsupported(p.at(s.line), "define without endef")
}
