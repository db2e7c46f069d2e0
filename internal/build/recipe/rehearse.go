package recipe

import (
	"context"
	"errors"

	"github.com/davit-dev/davit/internal/build/recipe/script"
)

// rehearse puts one stage into the plan.
func (p *Plan) rehearse(f *file, index int) {
	st, b := f.stages[index], f.bases[index]
	shown := Stage{Name: f.title(index), Base: b.name, Native: true}
	from := Step{Line: lineOf(st.Location), Text: oneLine(st.SourceCode), Native: b.foreign == "", Reason: b.foreign}
	if shown.Native = from.Native; !from.Native {
		p.refuse(&Foreign{File: f.name, Line: from.Line, Instruction: from.Text, Reason: b.foreign, Hint: otherBuilder})
	}
	shown.Steps = append(shown.Steps, from)
	r := newRehearsal(p, f, index)
	for _, cmd := range st.Commands {
		step := Step{Line: lineOf(cmd.Location()), Text: oneLine(textOf(cmd)), Native: true}
		if err := r.do(context.Background(), cmd); err != nil {
			foreign := p.foreign(f, step, err)
			step.Native, step.Reason, shown.Native = false, foreign.Reason, false
			p.refuse(foreign)
		}
		shown.Steps = append(shown.Steps, step)
	}
	p.Stages = append(p.Stages, shown)
}

// refuse keeps the first reason.
func (p *Plan) refuse(reason *Foreign) {
	if p.Reason == nil {
		p.Reason = reason
	}
}

func (p *Plan) foreign(f *file, step Step, err error) *Foreign {
	foreign := &Foreign{File: f.name, Line: step.Line, Instruction: step.Text, Reason: err.Error(), Hint: otherBuilder}
	if refusal := (*script.RefusalError)(nil); errors.As(err, &refusal) && refusal.Hint != "" {
		foreign.Hint = refusal.Hint
	}
	return foreign
}
