package gomod

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

// longest bounds how long the go command may think about one module.
const longest = 30 * time.Second

func ruleTidy() rule.Rule {
	return rule.Rule{
		Code:     "GO602",
		Severity: finding.Warning,
		Off:      true,
		Title:    "Keep go.mod and go.sum tidy",
		Why: "What is required and not imported is downloaded into every build and looked through by every scanner; " +
			"what is imported and not required ends a build with -mod=readonly, which is what go build does.",
		Module: readable(checkTidy),
	}
}

func checkTidy(p *rule.Pass, m *project.Module) {
	real, _ := m.Real()
	if real == "" {
		return
	}
	onDisk, err := os.ReadFile(real)
	if err != nil || string(onDisk) != m.Source {
		return
	}
	diff := tidyDiff(m.Dir)
	if len(diff) == 0 {
		return
	}
	r := rule.Report{Message: "`go mod tidy` changes " + changed(diff) + "; run it and check the result in"}
	if m.Mod.Module != nil {
		r.At = span(m.Mod.Module.Syntax)
	}
	for _, require := range m.Mod.Require {
		if line := removed(diff, require.Mod.Path); line != "" && !strings.Contains(diff, "\n+\t"+require.Mod.Path+" ") {
			r.At = span(require.Syntax)
			r.Message = fmt.Sprintf("%s is required and not used; run `go mod tidy` and check the result in", require.Mod.Path)
			break
		}
	}
	p.Report(m.File, r)
}

// tidyDiff asks the go command what tidying would change. It may not use the
// network: when it would have to, there is no answer.
func tidyDiff(dir string) string {
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "mod", "tidy", "-diff")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=", "GOTOOLCHAIN=local", "GOVCS=*:off", "GOSUMDB=off", "GOWORK=off", "PWD="+dir)
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err == nil || ctx.Err() != nil || !strings.HasPrefix(out.String(), "diff ") {
		return ""
	}
	return out.String()
}

// changed names the files of a diff.
func changed(diff string) string {
	var names []string
	for line := range strings.SplitSeq(diff, "\n") {
		if rest, found := strings.CutPrefix(line, "diff "); found {
			fields := strings.Fields(rest)
			names = append(names, filepath.Base(fields[len(fields)-1]))
		}
	}
	return strings.Join(names, " and ")
}

// removed returns the line of a diff that takes a requirement away; empty when
// none does.
func removed(diff, path string) string {
	for line := range strings.SplitSeq(diff, "\n") {
		rest, found := strings.CutPrefix(line, "-")
		fields := strings.Fields(rest)
		if !found || len(fields) == 0 {
			continue
		}
		if fields[0] == "require" {
			fields = fields[1:]
		}
		if len(fields) > 1 && fields[0] == path && strings.HasPrefix(fields[1], "v") && !strings.Contains(line, " h1:") {
			return line
		}
	}
	return ""
}
