package buildkit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleUndefinedVariable() rule.Rule {
	return rule.Rule{
		Code:     "BK006",
		Aliases:  []string{"UndefinedVar"},
		Severity: finding.Warning,
		Fix:      finding.Unsafe,
		Title:    "Set variables before they are used",
		Why: "A variable that is not set is empty, and nothing says so: WORKDIR $HOME/app is /app, " +
			"and COPY bin/$TARGETARCH/app copies bin/app. An ARG before the first FROM is not there in a stage until the stage names it again.",
		Dockerfile: checkUndefined,
	}
}

func checkUndefined(p *rule.Pass, d *project.Dockerfile) {
	global := globals(d)
	set := map[*project.Stage]names{}
	for _, s := range d.Stages {
		c := undefined{pass: p, file: d, stage: s, global: global, set: names{}}
		for name := range set[s.Below] {
			c.set[name] = true
		}
		variables, known := baseVariables(s.Base)
		c.base, c.known = variables, known
		for _, i := range s.Instructions {
			for _, text := range expanded(i) {
				for _, r := range dockerfile.References(text, d.AST.Escape) {
					c.use(i, r)
				}
			}
			c.set.declare(i)
		}
		set[s] = c.set
	}
}

// expanded returns the words of an instruction in which variables are put in by
// the build, not by a shell.
func expanded(i *dockerfile.Instruction) []dockerfile.Text {
	switch i.Name {
	case "ADD", "COPY", "EXPOSE", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR", "ENV", "LABEL", "ARG":
	default:
		return nil
	}
	if !strings.Contains(i.Rest.String(), "$") && len(i.Flags) == 0 {
		return nil
	}
	var out []dockerfile.Text
	for _, flag := range i.Flags {
		out = append(out, flag.Value)
	}
	assignments := i.Assignments()
	for _, a := range assignments {
		out = append(out, a.Name, a.Value)
	}
	for _, word := range i.Args {
		switch {
		case len(assignments) > 0 || strings.HasPrefix(word.String(), "<<"):
		case i.JSON:
			out = append(out, word.Value)
		default:
			out = append(out, word.Text)
		}
	}
	return out
}

// undefined looks at the variables of one stage.
type undefined struct {
	pass   *rule.Pass
	file   *project.Dockerfile
	stage  *project.Stage
	global names    // ARGs before the first FROM
	set    names    // by the stage so far and those below it
	base   []string // set by the base image
	known  bool     // it sets no others
}

func (c *undefined) use(i *dockerfile.Instruction, r dockerfile.Reference) {
	name := r.Name.String()
	if r.Without || c.set[name] || slices.Contains(c.base, name) || isProxy(name) || setsBeside(i, r) {
		return
	}
	outside := c.global[name] || slices.Contains(platformArgs(), name)
	near := ""
	if !outside {
		near = c.nearest(name)
	}
	switch {
	case outside && (c.known || !c.namesBase(name)):
		c.report(r, fmt.Sprintf("%s is not set in this stage; write ARG %s after its FROM", name, name), c.declareHere(name))
	case near != "":
		c.report(r, fmt.Sprintf("%s is not set; did you mean %s?", name, near), rename(c.file, r, near))
	case c.known && !outside:
		c.report(r, fmt.Sprintf("%s is not set, here or in %s, and comes to nothing; set it first", name, c.stage.Base.Name), nil)
	}
}

func (c *undefined) report(r dockerfile.Reference, message string, fix *finding.Fix) {
	c.pass.Report(c.file.File, rule.Report{At: r.Span(), Message: message, Fix: fix})
}

// setsBeside says that the ENV itself sets the variable with another word, of
// which DL3044 speaks.
func setsBeside(i *dockerfile.Instruction, r dockerfile.Reference) bool {
	if i.Name != "ENV" {
		return false
	}
	return slices.ContainsFunc(i.Assignments(), func(a dockerfile.Assignment) bool {
		span, at := a.Value.Span(), r.Span()
		own := span.Start <= at.Start && at.End <= span.End
		return a.Name.String() == r.Name.String() && !own
	})
}

// namesBase says that the image of the stage depends on an argument: NODE_VERSION
// in node:$NODE_VERSION is mostly a variable of the image, too.
func (c *undefined) namesBase(name string) bool {
	for s := c.stage; s != nil; s = s.Below {
		for _, r := range fromReferences(c.file, s) {
			if r.Name.String() == name {
				return true
			}
		}
	}
	return false
}

// nearest finds the variable that was meant. Of an image that is not known, a
// variable may well have almost the name of another: there, only letters that
// changed places are taken for a mistake.
func (c *undefined) nearest(name string) string {
	candidates := append(c.set.sorted(), c.base...)
	if c.known {
		return rule.Nearest(name, append(candidates, c.global.sorted()...))
	}
	near := rule.Nearest(name, candidates)
	if letters(near) != letters(name) {
		return ""
	}
	return near
}

func letters(name string) string {
	sorted := []byte(strings.ToUpper(name))
	slices.Sort(sorted)
	return string(sorted)
}

// declareHere repeats an argument in the stage.
func (c *undefined) declareHere(name string) *finding.Fix {
	keyword := "ARG "
	if c.stage.From.Keyword.String() == "from" {
		keyword = "arg "
	}
	return rule.UnsafeFix(rule.Insert(c.file.File, c.stage.From.End, c.file.Newline()+keyword+name))
}
