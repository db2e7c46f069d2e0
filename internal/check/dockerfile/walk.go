package dockerfile

import (
	"path"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// walker goes through a script in the order in which it stands and keeps what
// assignments, export and cd change. Both branches of a condition are walked:
// what any of them sets counts after it.
type walker struct {
	script   Script
	vars     shellVars
	dir      Value
	commands []Command
}

func (w *walker) statements(list []*syntax.Stmt) {
	for _, s := range list {
		w.node(s)
	}
}

// node walks what a node holds. A subshell and a command substitution keep
// their changes to themselves.
func (w *walker) node(n syntax.Node) {
	syntax.Walk(n, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Subshell:
			w.inside(n.Stmts)
			return false
		case *syntax.CmdSubst:
			w.inside(n.Stmts)
			return false
		case *syntax.CallExpr:
			w.substitutions(n)
			w.call(n)
			return false
		case *syntax.DeclClause:
			w.assign(n.Args)
			return false
		}
		return true
	})
}

func (w *walker) inside(list []*syntax.Stmt) {
	vars, dir := w.vars, w.dir
	w.statements(list)
	w.vars, w.dir = vars, dir
}

// substitutions walks the commands in the words of a command, which run before it.
func (w *walker) substitutions(call *syntax.CallExpr) {
	for _, assign := range call.Assigns {
		if assign.Value != nil {
			w.node(assign.Value)
		}
	}
	for _, word := range call.Args {
		w.node(word)
	}
}

func (w *walker) assign(list []*syntax.Assign) {
	for _, a := range list {
		if a.Name != nil && a.Value != nil {
			w.vars = w.vars.with(a.Name.Value, w.value(a.Value))
		}
	}
}

func (w *walker) call(call *syntax.CallExpr) {
	if len(call.Args) == 0 {
		w.assign(call.Assigns)
		return
	}
	c := Command{Span: w.script.Span(call), Node: call, vars: w.vars, Dir: w.dir, inline: map[string]Value{}}
	for _, a := range call.Assigns {
		if a.Name != nil && a.Value != nil {
			c.inline[a.Name.Value] = w.value(a.Value)
		}
	}
	for _, word := range call.Args {
		c.Args = append(c.Args, Argument{w.script.Span(word), w.value(word)})
	}
	c.unwrap()
	w.commands = append(w.commands, c)
	switch c.Name() {
	case "cd":
		w.chdir(c.Args[1:])
	case "unset":
		w.unset(c.Args[1:])
	}
}

// unwrap takes env, time, nice and exec off: what counts is the command that they run.
func (c *Command) unwrap() {
	for len(c.Args) > 1 {
		switch c.Name() {
		case "exec", "time", "nice", "command":
			c.Args = c.Args[1:]
		case "env":
			c.Args = c.Args[1:]
			for len(c.Args) > 0 && strings.Contains(c.Args[0].Text, "=") {
				name, value, _ := strings.Cut(c.Args[0].Text, "=")
				c.inline[name] = Value{value, c.Args[0].Known}
				c.Args = c.Args[1:]
			}
		default:
			return
		}
	}
}

func (w *walker) chdir(args []Argument) {
	switch {
	case len(args) != 1 || !args[0].Known || args[0].Text == "-":
		w.dir = Value{}
	case path.IsAbs(args[0].Text):
		w.dir = Value{path.Clean(args[0].Text), true}
	default:
		w.dir.Text = path.Join(w.dir.Text, args[0].Text)
	}
}

func (w *walker) unset(args []Argument) {
	for _, a := range args {
		w.vars = w.vars.with(a.Text, Value{Known: true})
	}
}

func (w *walker) value(word *syntax.Word) Value {
	v := Value{Known: true}
	for _, part := range word.Parts {
		w.part(part, &v)
	}
	return v
}

func (w *walker) part(part syntax.WordPart, v *Value) {
	switch p := part.(type) {
	case *syntax.Lit:
		v.Text += unescape(p.Value)
	case *syntax.SglQuoted:
		v.Text += p.Value
	case *syntax.DblQuoted:
		for _, inner := range p.Parts {
			w.part(inner, v)
		}
	case *syntax.ParamExp:
		w.param(p, v)
	default:
		v.Known = false
	}
}

// param puts in $NAME and ${NAME}; ${NAME:-word} when the name is not set.
func (w *walker) param(p *syntax.ParamExp, v *Value) {
	if !isPlain(p) {
		v.Known = false
		return
	}
	value, set := w.vars.lookup(p.Param.Value)
	switch {
	case len(v.Text)+len(value.Text) > mostBytes:
		v.Known = false
	case p.Exp == nil:
		v.Text += value.Text
		v.Known = v.Known && set && value.Known
	case p.Exp.Op == syntax.DefaultUnset || p.Exp.Op == syntax.DefaultUnsetOrNull:
		if !set && p.Exp.Word != nil {
			value = w.value(p.Exp.Word)
		}
		v.Text += value.Text
		v.Known = v.Known && value.Known
	default:
		v.Known = false
	}
}

// isPlain says that a parameter is the value of a variable, or its default.
func isPlain(p *syntax.ParamExp) bool {
	return p.Param != nil && !p.Excl && !p.Length && !p.Width && p.Index == nil && p.Slice == nil && p.Repl == nil
}

// unescape takes the backslashes off a literal.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
