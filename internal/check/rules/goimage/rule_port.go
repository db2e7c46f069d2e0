package goimage

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func rulePort() rule.Rule {
	return rule.Rule{
		Code:     "GO308",
		Severity: finding.Warning,
		Fix:      finding.Unsafe,
		Title:    "Expose the port that the program listens on",
		Why:      "EXPOSE opens nothing; it tells people and tools which port to use. A wrong one is published by `docker run -P`, and nobody answers there.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			s, ok := final(d)
			if !ok {
				return
			}
			listens := addresses(p, d)
			i := lastOf(s, "EXPOSE")
			if len(listens) == 0 || i == nil || len(i.Args) == 0 {
				return
			}
			for _, a := range i.Args {
				port, _, _ := strings.Cut(a.Value.String(), "/")
				if _, err := strconv.Atoi(port); err != nil || slices.ContainsFunc(listens, func(l string) bool { return strings.HasSuffix(l, ":"+port) }) {
					return
				}
			}
			r := rule.Report{At: i.Args[0].Span(), Message: fmt.Sprintf("the program listens on %s, not on %s", listens[0], i.Args[0])}
			if len(listens) == 1 && len(i.Args) == 1 && i.Args[0].Contiguous() {
				r.Fix = rule.UnsafeFix(rule.Edit(d.File, i.Args[0].Span(), listens[0][strings.LastIndexByte(listens[0], ':')+1:]))
			}
			p.Report(d.File, r)
		},
	}
}

// addresses returns those that the program listens on, when all of them stand in
// its source.
func addresses(p *rule.Pass, d *project.Dockerfile) []string {
	c, known := calls(p, d)
	if !known || c.Imports["net/http/pprof"] || c.Has("net/http.Server", "net.Listen", "net.ListenTCP", "net.ListenConfig", "net/http.Serve") {
		return nil
	}
	var out []string
	for _, name := range []string{"net/http.ListenAndServe", "net/http.ListenAndServeTLS"} {
		for _, address := range c.Arguments[name] {
			if !strings.Contains(address, ":") {
				return nil
			}
			out = append(out, address)
		}
	}
	return out
}

func ruleLoopback() rule.Rule {
	return rule.Rule{
		Code:     "GO309",
		Severity: finding.Warning,
		Title:    "Listen on all addresses of the container",
		Why:      "127.0.0.1 is the container itself: a port that is published leads to another address, and every connection is reset.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			s, ok := final(d)
			if !ok {
				return
			}
			for _, a := range addresses(p, d) {
				if strings.HasPrefix(a, "127.") || strings.HasPrefix(a, "localhost:") {
					p.Report(d.File, rule.Report{At: at(s), Message: fmt.Sprintf("the program listens on %s, which nobody outside of the container reaches; listen on %s", a, a[strings.LastIndexByte(a, ':'):])})
					return
				}
			}
		},
	}
}

// at is where something about the program is said: what starts it, or FROM.
func at(s *project.Stage) dockerfile.Span {
	if i := start(s); i != nil && i.Start > s.From.Start {
		return i.Keyword.Span()
	}
	return s.From.Args[0].Span()
}

func rulePrivileged() rule.Rule {
	return rule.Rule{
		Code:     "GO310",
		Severity: finding.Info,
		Title:    "Listen on a port from 1024 on when the user is not root",
		Why: "Ports below 1024 are root's. Docker since 20.10 lets everybody in a container have them (net.ipv4.ip_unprivileged_port_start=0); " +
			"Kubernetes and Podman do not by themselves: `bind: permission denied`.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			s, ok := final(d)
			if !ok || s.User == nil || len(s.User.Args) != 1 {
				return
			}
			user, _, _ := strings.Cut(s.User.Args[0].Value.String(), ":")
			i := lastOf(s, "EXPOSE")
			if user == "root" || user == "0" || strings.Contains(user, "$") || i == nil {
				return
			}
			for _, a := range i.Args {
				number, _, _ := strings.Cut(a.Value.String(), "/")
				if port, err := strconv.Atoi(number); err == nil && port > 0 && port < 1024 {
					p.Report(d.File, rule.Report{At: a.Span(), Message: fmt.Sprintf("%s may not listen on %d everywhere; take a port from 1024 on", user, port)})
				}
			}
		},
	}
}

func ruleSignals() rule.Rule {
	return rule.Rule{
		Code:     "GO313",
		Severity: finding.Info,
		Title:    "End in order when the container is stopped",
		Why: "A container is stopped with SIGTERM. A server that does not listen for it is gone in the middle of its requests: " +
			"signal.NotifyContext and Server.Shutdown let them finish.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			s, ok := final(d)
			if !ok {
				return
			}
			c, known := calls(p, d)
			if known && servesItself(p, d, s) && !c.Imports["os/signal"] {
				p.Report(d.File, rule.Report{At: at(s), Message: "the server does not listen for SIGTERM, so its requests are cut when the container is stopped; see signal.NotifyContext"})
			}
		},
	}
}

// servesItself says whether the main package of a program starts a server. One
// that leaves it to others may leave signals to them, too.
func servesItself(p *rule.Pass, d *project.Dockerfile, s *project.Stage) bool {
	return slices.ContainsFunc(s.Products, func(made project.Product) bool {
		c := p.Project.CallsOfMain(d, made)
		return c.Has("net/http.ListenAndServe", "net/http.ListenAndServeTLS", "net/http.Server")
	})
}
