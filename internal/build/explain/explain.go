package explain

import (
	"fmt"
	"strings"
)

// Kind says what sort of thing differs.
type Kind string

// The kinds, causes before what follows from them.
const (
	Platform  Kind = "platform"
	Toolchain Kind = "toolchain" // the version of Go
	Module    Kind = "module"
	Setting   Kind = "setting"   // a flag or an environment variable of go build
	Parameter Kind = "parameter" // of the build configuration
	Source    Kind = "source"
	Base      Kind = "base"
	Config    Kind = "config" // of the image
	Content   Kind = "file"
	LayerKind Kind = "layer"
)

// Difference is one reason why two images are not the same.
type Difference struct {
	Kind Kind
	Name string // what differs, such as "/app/orders golang.org/x/mod"; may be empty
	A, B string // how it is in either; "" where it is not
}

// String says the difference in one line.
func (d Difference) String() string {
	subject := strings.TrimSpace(string(d.Kind) + " " + d.Name)
	switch {
	case d.A == "":
		return fmt.Sprintf("%s: only in the second: %s", subject, d.B)
	case d.B == "":
		return fmt.Sprintf("%s: only in the first: %s", subject, d.A)
	}
	return fmt.Sprintf("%s: %s → %s", subject, d.A, d.B)
}

// Explain says why two images differ, causes first. Of equal images it says
// nothing.
func Explain(a, b Description) []Difference {
	if a.Digest == b.Digest {
		return nil
	}
	var c comparison
	c.add(Platform, "", a.Platform, b.Platform)
	c.programs(a, b)
	c.recipes(a.Provenance, b.Provenance)
	c.configs(a.Config, b.Config)
	c.files(a, b)
	c.layers(a, b)
	return c.sorted()
}

// comparison collects differences.
type comparison struct {
	found []Difference
}

func (c *comparison) add(kind Kind, name, a, b string) {
	if a != b {
		c.found = append(c.found, Difference{kind, name, a, b})
	}
}

func (c *comparison) has(kind Kind) bool {
	for _, d := range c.found {
		if d.Kind == kind {
			return true
		}
	}
	return false
}

// sorted returns the differences with the causes first.
func (c *comparison) sorted() []Difference {
	var list []Difference
	for _, kind := range []Kind{Platform, Toolchain, Module, Setting, Parameter, Source, Base, Config, Content, LayerKind} {
		for _, d := range c.found {
			if d.Kind == kind {
				list = append(list, d)
			}
		}
	}
	return list
}
