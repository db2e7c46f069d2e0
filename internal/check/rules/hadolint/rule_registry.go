package hadolint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleRegistry() rule.Rule {
	return rule.Rule{
		Code:     "DL3026",
		Severity: finding.Error,
		Title:    "Take images from the registries that are trusted",
		Why: "What a base image brings along runs with the service. " +
			"check.registries in davit.yaml says where images may come from; without it the rule says nothing.",
		Dockerfile: checkRegistry,
	}
}

func checkRegistry(p *rule.Pass, d *project.Dockerfile) {
	if len(p.Config.Registries) == 0 {
		return
	}
	for _, s := range d.All() {
		if s.From != nil && s.Parent == nil {
			registry(p, d, s.From.Args[0].Span(), s.Image.String(), s.Image.Known)
		}
		for _, i := range s.Instructions {
			eachSource(inner(i), func(at dockerfile.Span, image dockerfile.Text) {
				if !isStage(d, image.String(), len(d.Stages)) {
					e := dockerfile.Expand(image, d.AST.Escape, s.Vars.Lookup)
					registry(p, d, at, e.String(), e.Known)
				}
			})
		}
	}
}

// eachSource visits the stages and images that files are taken from: those of
// --from, and of the from in --mount.
func eachSource(i *dockerfile.Instruction, visit func(dockerfile.Span, dockerfile.Text)) {
	for _, flag := range i.Flags {
		switch {
		case flag.Name == "from":
			visit(flag.Span(), flag.Value)
		case flag.Name == "mount" && i.Name == "RUN":
			text := flag.Value.String()
			at := strings.Index(","+text, ",from=")
			if at < 0 {
				continue
			}
			from := at + len("from=")
			end := len(text)
			if comma := strings.IndexByte(text[from:], ','); comma >= 0 {
				end = from + comma
			}
			visit(flag.Span(), flag.Value.Slice(from, end))
		}
	}
}

func registry(p *rule.Pass, d *project.Dockerfile, at dockerfile.Span, image string, known bool) {
	host, _, found := strings.Cut(image, "/")
	switch {
	case !found || !strings.ContainsAny(host, ".:$") && host != "localhost":
		host = dockerHub
	case !known && strings.Contains(host, "$"):
		return
	}
	if image == "" || image == "scratch" || !known && !found || slices.ContainsFunc(p.Config.Registries, func(trusted string) bool {
		return matches(canonicalHost(trusted), canonicalHost(host))
	}) {
		return
	}
	p.Report(d.File, rule.Report{
		At:      at,
		Message: fmt.Sprintf("%s comes from %s, which is not among check.registries; take it from one of those", image, host),
	})
}

// dockerHub is where an image comes from that names no registry.
const dockerHub = "docker.io"

func canonicalHost(host string) string {
	switch host {
	case "hub.docker.io", "index.docker.io", "registry-1.docker.io", "hub.docker.com":
		return dockerHub
	}
	return strings.ToLower(host)
}

// matches says whether a name fits a pattern in which * stands for anything.
func matches(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	last := len(parts) - 1
	rest, found := strings.CutPrefix(name, parts[0])
	if !found {
		return false
	}
	for _, part := range parts[1:last] {
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return strings.HasSuffix(rest, parts[last])
}
