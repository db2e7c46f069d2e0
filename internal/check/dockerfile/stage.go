package dockerfile

import "strings"

// Stage is a FROM and the instructions up to the next one.
type Stage struct {
	Index        int
	Name         string // after AS, in lower case; empty without
	From         *Instruction
	Image        Expanded // what FROM names, with the build arguments' defaults put in
	Platform     Text     // of --platform, as it was written
	Parent       *Stage   // the stage of this file that FROM names, if any
	Instructions []*Instruction

	globals *Scope
}

// Stages returns the stages in order. Instructions before the first FROM
// belong to none.
func (f *File) Stages() []*Stage {
	var stages []*Stage
	globals := NewScope(f.Escape)
	byName := map[string]*Stage{}
	for _, i := range f.Instructions {
		switch {
		case i.Name == "FROM" && len(i.Args) > 0:
			s := newStage(i, globals, len(stages))
			s.Parent = byName[strings.ToLower(s.Image.s)]
			if s.Name != "" {
				byName[s.Name] = s
			}
			stages = append(stages, s)
		case len(stages) > 0:
			last := stages[len(stages)-1]
			last.Instructions = append(last.Instructions, i)
		default:
			globals.Apply(i)
		}
	}
	return stages
}

func newStage(from *Instruction, globals *Scope, index int) *Stage {
	s := &Stage{
		Index:   index,
		From:    from,
		Image:   Expand(from.Args[0].Text, globals.escape, globals.Lookup),
		globals: globals,
	}
	s.Platform, _ = from.Flag("platform")
	if len(from.Args) == 3 {
		s.Name = strings.ToLower(from.Args[2].s)
	}
	return s
}

// Scope returns the variables at the beginning of the stage, given those at
// the end of its parent (nil without parent).
func (s *Stage) Scope(parent *Scope) *Scope {
	out := NewScope(s.globals.escape)
	out.globals = s.globals
	if parent != nil && parent.depth < mostScopes {
		out.parent, out.depth = parent, parent.depth+1
	}
	return out
}

// Head returns what stands before the first FROM as a stage without FROM, when
// that is more than ARG; nil otherwise. BuildKit refuses such a file; a piece of
// one can be looked at all the same.
func (f *File) Head() *Stage {
	s := &Stage{globals: NewScope(f.Escape)}
	more := false
	for _, i := range f.Instructions {
		if i.Name == "FROM" {
			break
		}
		more = more || i.Name != "ARG"
		s.Instructions = append(s.Instructions, i)
	}
	if !more {
		return nil
	}
	return s
}
