package dockerfile

// mostScopes is how many stages that build on each other are looked through
// for a variable.
const mostScopes = 32

// Scope holds the variables that ARG and ENV set, in the order of the file.
type Scope struct {
	escape  byte
	depth   int
	vars    map[string]variable
	parent  *Scope // of the stage that this one builds on
	globals *Scope // arguments before the first FROM, visible once they are named again
}

type variable struct {
	value Text
	known bool
	env   bool // set by ENV, which an ARG of the same name does not change
}

// NewScope returns a scope without variables.
func NewScope(escape byte) *Scope {
	return &Scope{escape: escape, vars: map[string]variable{}}
}

// Apply takes over what an ARG or ENV sets; other instructions change nothing.
func (s *Scope) Apply(i *Instruction) {
	if i.Name != "ARG" && i.Name != "ENV" {
		return
	}
	for _, a := range i.Assignments() {
		name := a.Name.s
		v := variable{env: i.Name == "ENV"}
		switch earlier, found := s.find(name); {
		case !v.env && found && earlier.env:
			continue
		case a.HasValue:
			value := Expand(a.Value, s.escape, s.Lookup)
			v.value, v.known = value.Text, value.Known
		case s.globals != nil:
			v = s.globals.vars[name]
		}
		s.vars[name] = v
	}
}

// Lookup is a Lookup over the scope.
func (s *Scope) Lookup(name string) (value Text, known bool) {
	v, found := s.find(name)
	return v.value, found && v.known
}

// Set says whether an ARG or ENV names the variable at all.
func (s *Scope) Set(name string) bool {
	_, found := s.find(name)
	return found
}

func (s *Scope) find(name string) (variable, bool) {
	for ; s != nil; s = s.parent {
		if v, found := s.vars[name]; found {
			return v, true
		}
	}
	return variable{}, false
}

// Escape returns the escape character of the file.
func (s *Scope) Escape() byte { return s.escape }
