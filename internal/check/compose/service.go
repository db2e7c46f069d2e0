package compose

// Service is an entry of services. What it says of itself and what it gets by
// merge keys is read; what it extends from another file is not.
type Service struct {
	Name    string
	Key     *Node
	Body    *Node
	Fields  []Field
	Partial bool // more may be said of it elsewhere: in another file, or a document of this one

	Image        *Node // nil when it is not said, here and below
	Build        *Build
	Ports        []Port
	Mounts       []Mount
	Dependencies []Dependency
	Healthcheck  *Healthcheck
	Environment  []Assignment
	Profiles     bool // it runs only when it is asked for

	file *File
}

// Build is how a service's image is built.
type Build struct {
	Node       *Node
	Context    *Node // nil without; the short form is the context alone
	Dockerfile *Node
	Inline     *Node
	Target     *Node
	Args       []Assignment
	Contexts   []Assignment // additional_contexts
}

// Dependency is a service that another one starts after.
type Dependency struct {
	Name      *Node
	Condition *Node // nil in the short form
	Node      *Node // the item, or the value of the long form
	Inherited bool
}

// Healthcheck is what tells whether a service works.
type Healthcheck struct {
	Node    *Node
	Test    *Node   // nil without
	Shell   bool    // a shell runs it
	Command []*Node // the words behind CMD; for a shell the whole line
	Off     bool    // disable: true, or NONE
}

// Assignment is a name with a value, out of a list of NAME=value or a mapping.
type Assignment struct {
	Name  string
	Text  string // the value; empty without
	Given bool   // there is a value; without one, it comes from the environment
	Node  *Node  // what is written: the item of a list or the value
	Key   *Node  // the name in a mapping; the item of a list
	At    Span   // the value; the whole item when its place in there is not clear
	Pair  bool   // out of a mapping

	Inherited bool
}

func (f *File) readServices() {
	count := map[string]int{}
	for _, top := range f.Top("include") {
		f.Includes = f.Includes || !top.Value.Null()
	}
	for _, top := range f.Top("services") {
		for _, field := range f.Fields(top.Value) {
			if field.Value.Target().Kind != Mapping {
				continue
			}
			s := f.service(field)
			count[s.Name]++
			f.Services = append(f.Services, s)
		}
	}
	for _, s := range f.Services {
		s.Partial = s.Partial || count[s.Name] > 1
	}
}

// Service returns the service with a name, or nil.
func (f *File) Service(name string) *Service {
	for _, s := range f.Services {
		if s.Name == name {
			return s
		}
	}
	return nil
}

func (f *File) service(entry Field) *Service {
	s := &Service{Name: entry.Key.Text, Key: entry.Key, Body: entry.Value, Fields: f.Fields(entry.Value), file: f}
	_, extends := s.Field("extends")
	s.Image = s.Value("image")
	s.Build = f.build(s.Value("build"))
	s.Partial = extends || s.Image == nil && s.Build == nil || s.Body.Reset()
	if ports, found := s.Field("ports"); found {
		s.Ports = readPorts(f, ports)
	}
	if volumes, found := s.Field("volumes"); found {
		s.Mounts = readMounts(f, volumes)
	}
	if needs, found := s.Field("depends_on"); found {
		s.Dependencies = f.dependencies(needs)
	}
	s.Healthcheck = f.healthcheck(s.Value("healthcheck"))
	if environment, found := s.Field("environment"); found {
		s.Environment = f.Assignments(environment)
	}
	profiles := s.Value("profiles").Target()
	s.Profiles = profiles != nil && !profiles.Null() && (profiles.Kind != Sequence || len(profiles.Items) > 0)
	return s
}

// Field returns what the service says under a key.
func (s *Service) Field(key string) (Field, bool) {
	for _, f := range s.Fields {
		if f.Key.Text == key {
			return f, true
		}
	}
	return Field{}, false
}

// Value returns the value of a key, and then of a key in that; nil when it is
// not said.
func (s *Service) Value(keys ...string) *Node {
	first, _ := s.Field(keys[0])
	n := first.Value
	for _, key := range keys[1:] {
		n = s.file.Value(n, key)
	}
	return n
}

// Items returns the items of a list under a key.
func (s *Service) Items(key string) []*Node {
	n := s.Value(key).Target()
	if n == nil || n.Kind != Sequence {
		return nil
	}
	return n.Items
}

func (f *File) build(n *Node) *Build {
	t := n.Target()
	switch {
	case t == nil || t.Null():
		return nil
	case t.Kind == Scalar:
		return &Build{Node: n, Context: n}
	}
	b := &Build{Node: n, Context: f.Value(n, "context"), Dockerfile: f.Value(n, "dockerfile"), Inline: f.Value(n, "dockerfile_inline"), Target: f.Value(n, "target")}
	if args, found := f.Field(n, "args"); found {
		b.Args = f.Assignments(args)
	}
	if contexts, found := f.Field(n, "additional_contexts"); found {
		b.Contexts = f.Assignments(contexts)
	}
	return b
}

func (f *File) dependencies(needs Field) []Dependency {
	var out []Dependency
	n := needs.Value.Target()
	inherited := needs.Inherited || needs.Value.Alias != nil
	for _, item := range n.Items {
		out = append(out, Dependency{Name: item, Node: item, Inherited: inherited})
	}
	for _, field := range f.Fields(n) {
		out = append(out, Dependency{
			Name: field.Key, Node: field.Value, Condition: f.Value(field.Value, "condition"), Inherited: inherited || field.Inherited,
		})
	}
	return out
}

func (f *File) healthcheck(n *Node) *Healthcheck {
	if n == nil || n.Null() {
		return nil
	}
	h := &Healthcheck{Node: n, Test: f.Value(n, "test")}
	if off := f.Value(n, "disable"); off != nil && off.Target().Text == "true" {
		h.Off = true
	}
	test := h.Test.Target()
	switch {
	case test == nil:
	case test.Kind == Scalar:
		h.Shell, h.Command = true, []*Node{test}
	case test.Kind == Sequence && len(test.Items) > 0:
		first := test.Items[0].Target().Text
		h.Off = h.Off || first == "NONE"
		h.Shell = first == "CMD-SHELL"
		h.Command = test.Items[1:]
	}
	return h
}
