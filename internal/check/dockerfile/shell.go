package dockerfile

import (
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"
)

// mostScript is the longest script that is read: the shell parser recurses as
// deeply as its input nests.
const mostScript = 64 << 10

// Value is what a shell word comes to.
type Value struct {
	Text  string
	Known bool // false when it depends on what only the build or the shell knows
}

// Argument is a word of a command.
type Argument struct {
	Span
	Value
}

// Command is a simple command that an instruction runs.
type Command struct {
	Span                  // from its first assignment to its last argument
	Args []Argument       // the program first, without env, exec and the like in front of it
	Node *syntax.CallExpr // where it stands in the script's tree; nil in the exec form
	Exec bool             // it stands in the exec form: no shell reads it
	Dir  Value            // folder that it runs in, relative to the instruction's when cd said so

	vars   shellVars
	inline map[string]Value
}

// Lookup returns the value of an environment variable of the command: set in
// front of it, by the script before it, or by ARG and ENV.
func (c Command) Lookup(name string) (value Value, set bool) {
	if v, found := c.inline[name]; found {
		return v, true
	}
	return c.vars.lookup(name)
}

// Name returns the program without its folder; empty when it is not known.
func (c Command) Name() string {
	if len(c.Args) == 0 || !c.Args[0].Known {
		return ""
	}
	return path.Base(c.Args[0].Text)
}

// shellVars are the variables of a shell: those of the script, the last one
// set first, over a scope. They are never changed, only added to.
type shellVars struct {
	scope *Scope
	last  *binding
}

type binding struct {
	name  string
	value Value
	prev  *binding
}

func (v shellVars) lookup(name string) (Value, bool) {
	for b := v.last; b != nil; b = b.prev {
		if b.name == name {
			return b.value, true
		}
	}
	text, known := v.scope.Lookup(name)
	return Value{text.s, known}, v.scope.Set(name)
}

func (v shellVars) with(name string, value Value) shellVars {
	return shellVars{scope: v.scope, last: &binding{name, value, v.last}}
}

// Script is what a shell reads of an instruction.
type Script struct {
	Text Text
	Tree *syntax.File // nil when it is not the language of bash, or too long
}

// Script returns the script of a RUN, CMD, ENTRYPOINT or HEALTHCHECK in the
// shell form. It is false for what no shell reads.
func (f *File) Script(i *Instruction) (Script, bool) {
	if i.JSON {
		return Script{}, false
	}
	text, ok := f.script(i)
	if !ok {
		return Script{}, false
	}
	tree, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text.s), "")
	if err != nil {
		tree = nil
	}
	return Script{Text: text, Tree: tree}, true
}

// Span returns the part of the Dockerfile that a part of the script takes up.
func (s Script) Span(n syntax.Node) Span {
	from := min(int(n.Pos().Offset()), s.Text.Len())
	to := min(int(n.End().Offset()), s.Text.Len())
	if from >= to {
		return Span{s.Text.src, s.Text.src}
	}
	return s.Text.Slice(from, to).Span()
}

// Commands returns the simple commands in the order in which they stand. A
// script that is not understood has none.
func (s Script) Commands(scope *Scope) []Command {
	if s.Tree == nil {
		return nil
	}
	w := walker{script: s, vars: shellVars{scope: scope}, dir: Value{Known: true}}
	w.statements(s.Tree.Stmts)
	return w.commands
}

// Commands returns the simple commands of a RUN, CMD or ENTRYPOINT in the
// order in which they stand: the one of the exec form, or those of the script.
func (f *File) Commands(i *Instruction, scope *Scope) []Command {
	if i.JSON {
		return execCommand(i, shellVars{scope: scope})
	}
	script, _ := f.Script(i)
	return script.Commands(scope)
}

func execCommand(i *Instruction, vars shellVars) []Command {
	c := Command{Span: i.Rest.Span(), Exec: true, vars: vars, Dir: Value{Known: true}}
	for _, word := range i.Args {
		c.Args = append(c.Args, Argument{word.Span(), Value{word.Value.s, true}})
	}
	return []Command{c}
}

// script returns what the shell reads: the instruction's text, the documents
// that follow it, or, when the text is nothing but <<EOF, the document alone.
func (f *File) script(i *Instruction) (Text, bool) {
	if i.Name != "RUN" && i.Name != "CMD" && i.Name != "ENTRYPOINT" {
		return Text{}, false
	}
	var b textBuilder
	if len(i.Heredocs) == 1 && i.Heredocs[0].Word.s == i.Rest.s {
		body := f.Source[i.Heredocs[0].Start:i.Heredocs[0].Span.End]
		if strings.HasPrefix(strings.TrimLeft(body, "\t"), "#!") && !shellShebang(body) {
			return Text{}, false
		}
		b.add(body, i.Heredocs[0].Start)
	} else {
		b.addText(i.Rest)
		for k, doc := range i.Heredocs {
			if k == 0 {
				b.add("\n", i.End)
			}
			b.add(f.Source[doc.Start:doc.End.End], doc.Start)
		}
	}
	text := b.text(i.Start)
	plain := !strings.Contains(text.s, "\x00") && utf8.ValidString(text.s)
	return text, plain && len(text.s) > 0 && len(text.s) <= mostScript
}

func shellShebang(body string) bool {
	first, _, _ := strings.Cut(body, "\n")
	words := strings.Fields(strings.TrimLeft(first, "\t#!"))
	return len(words) > 0 && slices.ContainsFunc(words, func(w string) bool {
		return slices.Contains([]string{"sh", "bash", "ash", "dash"}, path.Base(w))
	})
}
