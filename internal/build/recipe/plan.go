// Package recipe turns a Dockerfile that builds Go programs into what an image
// adds to its base, without a container: the go command of this machine
// compiles, and the rest is done on files.
// Makefiles that RUN lines use are read from the context.
//
// Its invariant: what it does not understand it does not guess. Each instruction
// is rehearsed before any is executed, and the one that is not understood is
// named, so that another builder can take the whole file. No program of the
// repository or of an image is run. The package must not import package build.
package recipe

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// Options are what a Dockerfile is read with.
type Options struct {
	Name     string            // of the file, for messages; "Dockerfile" when empty
	Target   string            // stage that is built, by name or number; the last one when empty
	Args     map[string]string // build arguments
	Platform string            // that is built for, "linux/amd64"
	// Context is the build context, where makefiles are read; "" when it is not at
	// hand: then what make does is not known. Name.dockerignore beside the file counts.
	Context string
}

// Plan says what of a Dockerfile is executed natively. It holds for any number
// of runs.
type Plan struct {
	Stages []Stage  `json:"stages"`           // those that lead to the target, in the order of the file
	Reason *Foreign `json:"reason,omitempty"` // why it is not native: the first instruction that is not understood

	source   []byte
	options  Options
	platform platform
}

// Stage is what the plan says about one stage.
type Stage struct {
	Name   string `json:"name"` // as in the file, or "stage-N"
	Base   string `json:"base"` // image or stage that it begins with
	Native bool   `json:"native"`
	Steps  []Step `json:"steps"`
}

// Step is what the plan says about one instruction.
type Step struct {
	Line   int    `json:"line"` // in the file, counted from 1
	Text   string `json:"text"` // the instruction on one line
	Native bool   `json:"native"`
	Reason string `json:"reason,omitempty"` // why not
}

// Native tells whether the whole file is executed natively.
func (p *Plan) Native() bool { return p.Reason == nil }

// Foreign is an instruction that is not executed natively. It is an error of
// Parse only for a file that no builder would take, and of Run.
type Foreign struct { //nolint:errname // a plan shows it where nothing failed
	File        string `json:"file"`
	Line        int    `json:"line"`
	Instruction string `json:"instruction"`
	Reason      string `json:"reason"`
	Hint        string `json:"hint"`
}

// Error implements error.
func (e *Foreign) Error() string {
	return fmt.Sprintf("%s:%d: %s: %s", e.File, e.Line, e.Instruction, e.Reason)
}

// Error is what is wrong with a Dockerfile, for every builder, or what went wrong
// when it was executed.
type Error struct {
	File string
	Line int
	Err  error
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err) }

// Unwrap returns what went wrong.
func (e *Error) Unwrap() error { return e.Err }

// otherBuilder is the advice that always helps.
const otherBuilder = "let BuildKit, Docker or Podman build it"

// Parse reads a Dockerfile and rehearses it. An error says that it is not a
// Dockerfile, or that the target is not in it; that it is not native is not an
// error but stands in the plan.
func Parse(source []byte, opts Options) (*Plan, error) {
	if opts.Name == "" {
		opts.Name = "Dockerfile"
	}
	if opts.Platform == "" {
		opts.Platform = "linux/amd64"
	}
	p := &Plan{source: bytes.Clone(source), options: opts}
	var err error
	if p.platform, err = parsePlatform(opts.Platform); err != nil {
		return nil, err
	}
	file, err := p.read()
	if err != nil {
		return nil, err
	}
	if opts.Context != "" {
		if file.context, err = openContext(opts.Context, opts.Name); err != nil {
			return nil, err
		}
	}
	for _, index := range file.needed {
		p.rehearse(file, index)
	}
	if file.context != nil {
		err = file.context.root.Close()
	}
	return p, err
}

// file is a Dockerfile whose stages are resolved. It belongs to one run, because
// the instructions are changed while their variables are put in.
type file struct {
	name    string
	stages  []instructions.Stage
	bases   []base
	globals *variables // that ARG before the first FROM sets
	lex     *shell.Lex
	needed  []int // stages that lead to the target, ascending
	result  []int // the target and the stages that it begins with

	rehearsed map[int]*stage
	context   *buildContext // of a rehearsal; nil when it is not at hand
}

func (p *Plan) read() (*file, error) {
	source, err := text(p.source)
	if err != nil {
		return nil, &Error{File: p.options.Name, Line: 1, Err: err}
	}
	result, err := parser.Parse(strings.NewReader(source))
	if err != nil {
		return nil, p.syntaxError(err)
	}
	stages, args, err := instructions.Parse(result.AST, nil)
	if err != nil {
		return nil, p.syntaxError(err)
	}
	if len(stages) == 0 {
		return nil, &Error{File: p.options.Name, Line: 1, Err: fmt.Errorf("there is no FROM")}
	}
	f := &file{name: p.options.Name, stages: stages, lex: shell.NewLex(result.EscapeToken), rehearsed: map[int]*stage{}}
	if f.globals, err = p.globalArgs(f.lex, args); err != nil {
		return nil, err
	}
	for i := range stages {
		b, err := p.resolveBase(f, i)
		if err != nil {
			return nil, err
		}
		f.bases = append(f.bases, b)
	}
	target, err := p.target(f)
	if err != nil {
		return nil, err
	}
	f.reach(target)
	return f, nil
}

// text returns a Dockerfile as UTF-8. In comments other bytes do no harm.
func text(source []byte) (string, error) {
	if utf8.Valid(source) {
		return string(source), nil
	}
	var out strings.Builder
	for line := range strings.Lines(string(source)) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			line = strings.ToValidUTF8(line, "?")
		}
		out.WriteString(line)
	}
	if !utf8.ValidString(out.String()) {
		return "", errors.New("the file is not in UTF-8")
	}
	return out.String(), nil
}

// syntaxError gives the place to an error of BuildKit's parser.
func (p *Plan) syntaxError(err error) error {
	line := 1
	for e := err; e != nil; {
		if located, ok := e.(*parser.LocationError); ok && len(located.Locations) > 0 { //nolint:errorlint // each link of the chain is looked at
			line = lineOf(located.Locations[0])
		}
		unwrapper, ok := e.(interface{ Unwrap() error })
		if !ok {
			break
		}
		e = unwrapper.Unwrap()
	}
	text := suggestion.ReplaceAllString(err.Error(), "")
	if _, after, found := strings.Cut(text, fmt.Sprintf("parse error on line %d: ", line)); found {
		text = after
	}
	return &Error{File: p.options.Name, Line: line, Err: errors.New(text)}
}

// suggestion is what BuildKit adds to a word that it does not know. It picks one
// of several by chance.
var suggestion = regexp.MustCompile(` \(did you mean [^)]*\?\)`)

func lineOf(location []parser.Range) int {
	if len(location) == 0 {
		return 1
	}
	return max(location[0].Start.Line, 1)
}

// oneLine returns an instruction as it is shown.
func oneLine(text string) string {
	const most = 300
	text = strings.Join(strings.Fields(strings.ReplaceAll(text, "\\\n", " ")), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + " …"
	}
	return text
}
