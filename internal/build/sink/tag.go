package sink

import (
	"context"
	"fmt"
	"go/version"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/davit-dev/davit/internal/source"
)

// AutoTag is the template that stands for {{.Version}}.
const AutoTag = "auto"

// GitState is where a commit stands among the version tags.
type GitState struct {
	Tag      string    // highest of the commit and its ancestors, "v1.2.3"; "" for none
	Distance int       // commits since Tag; 0 on it
	Time     time.Time // when it was committed
	Commit   string    // in hexadecimal
	Dirty    bool      // whether the module's files differ from it
}

// Version returns the version that Go gives to the commit (go.dev/ref/mod,
// "Pseudo-versions"): the tag itself, or the pseudo-version after it, such as
// v1.2.4-0.20261123120102-abcdef123456. OCI tags have no "+": as with Helm's
// charts a "_" stands for it. Where files differ from the commit, "-dirty" is at
// the end, which semantic versioning sorts below the release and no range picks.
func (g GitState) Version() string {
	v := g.Tag
	if g.Tag == "" || g.Distance > 0 {
		v = module.PseudoVersion(semver.Major(g.Tag), g.Tag, g.Time, g.short())
	}
	if g.Dirty {
		v += "-dirty"
	}
	return strings.ReplaceAll(v, "+", "_")
}

// short returns the part of the commit's name that pseudo-versions have.
func (g GitState) short() string { return g.Commit[:min(12, len(g.Commit))] }

// ExpandTag makes a tag from a template: AutoTag, or text with {{.Version}},
// {{.Go}} ("1.26"), {{.GoVersion}} ("1.26.8"), {{.Tag}}, {{.Distance}},
// {{.Commit}} (12 digits) and {{.Time}} (of the commit, 20261123120102, UTC) in
// it. goVersion is the toolchain's, such as "go1.26.8".
func ExpandTag(template string, g GitState, goVersion string) (string, error) {
	if template == AutoTag {
		template = "{{.Version}}"
	}
	var made strings.Builder
	rest := template
	for {
		before, after, found := strings.Cut(rest, "{{")
		made.WriteString(before)
		if !found {
			break
		}
		field, end, closed := strings.Cut(after, "}}")
		if !closed {
			return "", fmt.Errorf("tag %q: %q has no }}", template, "{{"+after)
		}
		value, err := tagField(strings.TrimSpace(field), g, goVersion)
		if err != nil {
			return "", fmt.Errorf("tag %q: %w", template, err)
		}
		made.WriteString(value)
		rest = end
	}
	if !validTag.MatchString(made.String()) {
		return "", fmt.Errorf("tag %q: %w", template, badTag(made.String()))
	}
	return made.String(), nil
}

func tagField(field string, g GitState, goVersion string) (string, error) {
	toolchain, _, _ := strings.Cut(goVersion, " ") // experiments follow
	toolchain = "go" + strings.TrimPrefix(toolchain, "go")
	var value string
	switch field {
	case ".Version":
		return g.Version(), nil
	case ".Distance":
		return strconv.Itoa(g.Distance), nil
	case ".Time":
		return g.Time.UTC().Format(module.PseudoVersionTimestampFormat), nil
	case ".Go":
		value = strings.TrimPrefix(version.Lang(toolchain), "go")
	case ".GoVersion":
		if version.IsValid(toolchain) {
			value = strings.TrimPrefix(toolchain, "go")
		}
	case ".Tag":
		value = strings.ReplaceAll(g.Tag, "+", "_")
	case ".Commit":
		value = g.short()
	default:
		return "", fmt.Errorf("{{%s}} is unknown (allowed: .Version, .Go, .GoVersion, .Tag, .Distance, .Commit, .Time)", field)
	}
	if value == "" {
		return "", fmt.Errorf("{{%s}} is not known here", field)
	}
	return value, nil
}

// ExpandTags makes tags from templates for the program of a tree. Git is asked
// only where a template needs it.
func ExpandTags(ctx context.Context, tree source.Tree, templates []string, goVersion string) ([]string, error) {
	var state *GitState
	var tags []string
	for _, template := range templates {
		if state == nil && needsGit(template) {
			read, err := DescribeGit(ctx, tree)
			if err != nil {
				return nil, fmt.Errorf("tag %q: %w", template, err)
			}
			state = &read
		}
		known := GitState{}
		if state != nil {
			known = *state
		}
		tag, err := ExpandTag(template, known, goVersion)
		if err != nil {
			return nil, err
		}
		tags = append(tags, tag)
	}
	return tags, nil
}

// needsGit tells whether a template names anything that git knows.
func needsGit(template string) bool {
	if template == AutoTag {
		return true
	}
	for _, field := range []string{".Version", ".Tag", ".Distance", ".Commit", ".Time"} {
		if strings.Contains(template, field) {
			return true
		}
	}
	return false
}
