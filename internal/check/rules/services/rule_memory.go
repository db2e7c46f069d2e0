package services

import (
	"fmt"
	"go/version"
	"slices"
	"strconv"
	"strings"

	"github.com/davit-dev/davit/internal/check/compose"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleMemory() rule.Rule {
	return rule.Rule{
		Code:     "GO314",
		Severity: finding.Info,
		Fix:      finding.Safe,
		Title:    "Tell a Go program the limits of its container",
		Why: "The garbage collector does not see the memory limit: it lets the heap double, and the kernel ends the program " +
			"(exit 137) though most of it was garbage. GOMEMLIMIT is the same limit for Go. GOMAXPROCS follows the processor limit since Go 1.25 only.",
		Compose: each(checkMemory),
	}
}

func checkMemory(p *rule.Pass, c *project.Compose, s *compose.Service) {
	b := p.Project.ServiceBuild(c, s.Build)
	if s.Partial || b.Stage == nil || len(b.Stage.Products) == 0 || s.Value("env_file") != nil {
		return
	}
	has := func(variable string) bool {
		_, set := b.Stage.Vars.Lookup(variable)
		return set || slices.ContainsFunc(s.Environment, func(a compose.Assignment) bool { return a.Name == variable })
	}
	made := p.Project.Calls(b.Dockerfile, b.Stage.Products[0])
	limit := limited(s, "memory", "mem_limit")
	if limit != nil && !has("GOMEMLIMIT") && !made.Has("runtime/debug.SetMemoryLimit") && !made.Imports["github.com/KimMachineGun/automemlimit"] {
		p.Report(c.File, rule.Report{
			At:      span(limit),
			Message: s.Name + " is a Go program and does not know of this limit; set GOMEMLIMIT to nine tenths of it",
			Fix:     setMemory(c, s, limit),
		})
	}
	m := b.Dockerfile.Module
	cpus := limited(s, "cpus", "cpus")
	if cpus != nil && m != nil && m.Go != "" && version.Compare("go"+m.Go, "go1.25") < 0 && !has("GOMAXPROCS") && !made.Imports["go.uber.org/automaxprocs"] {
		p.Report(c.File, rule.Report{
			At:      span(cpus),
			Message: fmt.Sprintf("%s runs as many threads as the machine has processors, for go.mod says go %s; only from 1.25 on does Go see this limit", s.Name, m.Go),
		})
	}
}

// limited returns what limits a service, in the long or the short form.
func limited(s *compose.Service, long, short string) *compose.Node {
	if n := s.Value("deploy", "resources", "limits", long); n != nil {
		return n
	}
	return s.Value(short)
}

// setMemory is the fix that adds GOMEMLIMIT to the environment, where that is
// written in a form that can be added to.
func setMemory(c *project.Compose, s *compose.Service, limit *compose.Node) *finding.Fix {
	text, known := limit.Constant()
	bytes, ok := byteSize(text)
	if !known || !ok || bytes < 32<<20 || s.Body.Alias != nil || s.Body.Flow || len(s.Body.Pairs) == 0 {
		return nil
	}
	value := fmt.Sprintf("%dMiB", bytes*9/10>>20)
	field, found := s.Field("environment")
	if !found {
		first := s.Body.Pairs[0].Key
		indent := strings.Repeat(" ", column(c, first)-1)
		return rule.SafeFix(rule.Insert(c.File, first.Whole.Start, "environment:"+c.Newline()+indent+"  GOMEMLIMIT: "+value+c.Newline()+indent))
	}
	list := field.Value
	if field.Inherited || list.Alias != nil || list.Flow || !list.Exact {
		return nil
	}
	switch {
	case len(list.Pairs) > 0:
		first := list.Pairs[0].Key
		return rule.SafeFix(rule.Insert(c.File, first.Whole.Start, "GOMEMLIMIT: "+value+c.Newline()+strings.Repeat(" ", column(c, first)-1)))
	case len(list.Items) > 0:
		return rule.SafeFix(rule.Insert(c.File, list.Start, "- GOMEMLIMIT="+value+c.Newline()+strings.Repeat(" ", column(c, list)-1)))
	}
	return nil
}

func column(c *project.Compose, n *compose.Node) int {
	_, column := c.Position(n.Start)
	return column
}

// byteSize reads a number of bytes as compose does: 512m, 1gb, 1.5g
// (docs.docker.com/reference/compose-file/extension, "Specifying byte values").
func byteSize(text string) (int64, bool) {
	lower := strings.TrimSuffix(strings.TrimSpace(strings.ToLower(text)), "b")
	shift := 0
	if i := strings.IndexAny(lower, "kmg"); i >= 0 && i == len(lower)-1 {
		shift = 10 * (1 + strings.IndexByte("kmg", lower[i]))
		lower = strings.TrimSpace(lower[:i])
	}
	number, err := strconv.ParseFloat(lower, 64)
	if err != nil || number <= 0 || number > 1<<40 {
		return 0, false
	}
	return int64(number * float64(int64(1)<<shift)), true
}
