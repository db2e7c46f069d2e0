package services

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/davit-dev/davit/internal/check/compose"
	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleListen() rule.Rule {
	return rule.Rule{
		Code:     "GO404",
		Severity: finding.Warning,
		Fix:      finding.Unsafe,
		Title:    "Publish the port that the image exposes",
		Why: "The port behind the colon is the one that the program in the container listens on. When nothing does, " +
			"the container is up and every request ends with `connection reset by peer`.",
		Compose: each(checkListen),
	}
}

func checkListen(p *rule.Pass, c *project.Compose, s *compose.Service) {
	if s.Build == nil || len(s.Ports) == 0 {
		return
	}
	b := p.Project.ServiceBuild(c, s.Build)
	ports, known := exposed(b.Stage)
	if !known {
		return
	}
	for _, port := range s.Ports {
		number, err := strconv.Atoi(port.Target)
		if err != nil || !port.Known || ports.has(number, port.Protocol) || mentions(s, port.Target) {
			continue
		}
		r := rule.Report{
			At:      dockerfile.Span(port.TargetAt),
			Message: fmt.Sprintf("%s is published, but %s exposes %s; publish the port that the program listens on", port.Target, b.Dockerfile.Path, ports),
		}
		if len(ports) == 1 && ports[0].first == ports[0].last && len(s.Ports) == 1 && port.TargetAt != port.Node.Span {
			r.Fix = rule.UnsafeFix(rule.Edit(c.File, dockerfile.Span(port.TargetAt), strconv.Itoa(ports[0].first)))
		}
		p.Report(c.File, r)
	}
}

// portRange is what a word of EXPOSE names.
type portRange struct {
	first, last int
	protocol    string
}

type portList []portRange

func (l portList) has(port int, protocol string) bool {
	for _, r := range l {
		if r.first <= port && port <= r.last && r.protocol == protocol {
			return true
		}
	}
	return false
}

// String names the ports as EXPOSE does.
func (l portList) String() string {
	var words []string
	for _, r := range l {
		word := strconv.Itoa(r.first)
		if r.last != r.first {
			word += "-" + strconv.Itoa(r.last)
		}
		if r.protocol != "tcp" {
			word += "/" + r.protocol
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// exposed returns the ports of a stage's EXPOSE instructions. It fails when
// there are none, when they are not known, and when the base image may have its
// own.
func exposed(s *project.Stage) (portList, bool) {
	if s == nil || !exposesNothing(s.Base) {
		return nil, false
	}
	var out portList
	for ; s != nil; s = s.Below {
		for _, i := range s.Instructions {
			if i.Name != "EXPOSE" {
				continue
			}
			for _, a := range i.Args {
				v := s.Expand(a.Text)
				r, ok := parseRange(v.Text)
				if !ok || !v.Known {
					return nil, false
				}
				out = append(out, r)
			}
		}
	}
	return out, len(out) > 0
}

func parseRange(text string) (portRange, bool) {
	ports, protocol, found := strings.Cut(strings.ToLower(text), "/")
	if !found {
		protocol = "tcp"
	}
	from, to, ranged := strings.Cut(ports, "-")
	if !ranged {
		to = from
	}
	first, err := strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	return portRange{first, last, protocol}, err == nil && err2 == nil
}

// exposesNothing knows images that a program is put into and that listen to
// nothing themselves.
func exposesNothing(i project.Image) bool {
	if !i.Known {
		return false
	}
	switch i.Name {
	case "alpine", "busybox", "debian", "golang", "scratch", "ubuntu", "wolfi-base", "cgr.dev/chainguard/static", "cgr.dev/chainguard/wolfi-base":
		return true
	}
	return strings.HasPrefix(i.Name, "gcr.io/distroless/")
}

// mentions says that the service tells its program something with the number in
// it, or something that only the environment knows: it may listen there then.
func mentions(s *compose.Service, number string) bool {
	for _, a := range s.Environment {
		if _, known := compose.Constant(a.Text); !known || !a.Given || strings.Contains(a.Text, number) {
			return true
		}
	}
	for _, key := range []string{"command", "entrypoint", "env_file", "network_mode"} {
		if s.Value(key) != nil {
			return true
		}
	}
	return s.Partial
}
