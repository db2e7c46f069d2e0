package recipe

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// globalArgs are the arguments before the first FROM, and those that every
// builder gives.
func (p *Plan) globalArgs(lex *shell.Lex, commands []instructions.ArgCommand) (*variables, error) {
	v := newVariables()
	target := p.options.Target
	if target == "" {
		target = "default"
	}
	given := [][2]string{
		{"BUILDPLATFORM", buildPlatform().String()},
		{"BUILDOS", buildPlatform().os},
		{"BUILDARCH", buildPlatform().arch},
		{"BUILDVARIANT", buildPlatform().variant},
		{"TARGETPLATFORM", p.platform.String()},
		{"TARGETOS", p.platform.os},
		{"TARGETARCH", p.platform.arch},
		{"TARGETVARIANT", p.platform.variant},
		{"TARGETSTAGE", target},
	}
	for _, kv := range given {
		v.set(kv[0], kv[1])
		if value, overridden := p.options.Args[kv[0]]; overridden {
			v.set(kv[0], value)
		}
	}
	for i := range commands {
		for _, arg := range commands[i].Args {
			value, given := p.options.Args[arg.Key]
			if !given && arg.Value == nil {
				continue
			}
			if !given {
				var err error
				if value, err = putIn(lex, *arg.Value, v); err != nil {
					return nil, &Error{File: p.options.Name, Line: lineOf(commands[i].Location()), Err: err}
				}
			}
			v.set(arg.Key, value)
		}
	}
	return v, nil
}

func (p *Plan) target(f *file) (int, error) {
	if p.options.Target == "" {
		return len(f.stages) - 1, nil
	}
	if i, found := instructions.HasStage(f.stages, p.options.Target); found {
		return i, nil
	}
	if i, err := strconv.Atoi(p.options.Target); err == nil && i >= 0 && i < len(f.stages) {
		return i, nil
	}
	var names []string
	for i := range f.stages {
		names = append(names, f.title(i))
	}
	return 0, &Error{
		File: f.name, Line: 1,
		Err: fmt.Errorf("there is no stage %q (there are: %s)", p.options.Target, strings.Join(names, ", ")),
	}
}

func (f *file) title(i int) string {
	if f.stages[i].Name != "" {
		return f.stages[i].Name
	}
	return "stage-" + strconv.Itoa(i)
}

// stage returns the stage before one that a name or number means.
func (f *file) stage(name string, before int) (int, bool) {
	for i := before - 1; i >= 0; i-- {
		if f.stages[i].Name != "" && strings.EqualFold(f.stages[i].Name, name) {
			return i, true
		}
	}
	return 0, false
}

// source returns the stage that COPY --from or a mount means. Numbers count
// there, and in FROM they do not.
func (f *file) source(from string, before int) (int, bool) {
	if i, err := strconv.Atoi(from); err == nil && i >= 0 && i < before {
		return i, true
	}
	return f.stage(from, before)
}

// reach finds the stages that lead to the target.
func (f *file) reach(target int) {
	for at := target; ; at = f.bases[at].stage {
		f.result = append(f.result, at)
		if f.bases[at].kind != fromStage {
			break
		}
	}
	queue := []int{target}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		if slices.Contains(f.needed, at) {
			continue
		}
		f.needed = append(f.needed, at)
		if f.bases[at].kind == fromStage {
			queue = append(queue, f.bases[at].stage)
		}
		for _, cmd := range f.stages[at].Commands {
			for _, from := range origins(cmd) {
				if i, found := f.source(from, at); found {
					queue = append(queue, i)
				}
			}
		}
	}
	slices.Sort(f.needed)
}

// origins returns what an instruction copies from, beside the context.
func origins(cmd instructions.Command) []string {
	var from []string
	switch c := cmd.(type) {
	case *instructions.CopyCommand:
		from = append(from, c.From)
	case *instructions.RunCommand:
		for _, m := range instructions.GetMounts(c) {
			from = append(from, m.From)
		}
	}
	return slices.DeleteFunc(from, func(name string) bool { return name == "" })
}
