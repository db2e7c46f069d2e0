package shellcheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

// patience bounds how long ShellCheck may think about one Dockerfile.
const patience = 30 * time.Second

// excluded takes away what is said of a file, and not of a RUN: about other files
// that are not followed, variables that ENV and ARG set, and the first line.
const excluded = "--exclude=SC1090,SC1091,SC2148,SC2154,SC2187,SC2239"

// comment is one of ShellCheck's, in its format json1: lines and columns count
// from 1, columns in characters.
type comment struct {
	File                             string
	Line, EndLine, Column, EndColumn int
	Level                            string
	Code                             int
	Message                          string
}

func ask(p *rule.Pass, d *project.Dockerfile) {
	if p.ShellCheck() == "" {
		return
	}
	byDialect := map[string][]*project.Run{}
	for _, s := range d.All() {
		for _, r := range s.Runs {
			if dialect, ok := dialectOf(r); ok && r.Instruction.Name == "RUN" && r.Script.Text.Len() > 0 {
				byDialect[dialect] = append(byDialect[dialect], r)
			}
		}
	}
	for _, dialect := range []string{"sh", "bash", "dash", "ksh"} {
		runs := byDialect[dialect]
		if len(runs) == 0 {
			continue
		}
		comments, err := run(p.ShellCheck(), dialect, runs)
		if err != nil {
			p.Report(d.File, rule.Report{At: runs[0].Instruction.Keyword.Span(), Message: err.Error()})
			continue
		}
		for _, c := range comments {
			report(p, d, runs, c)
		}
	}
}

// dialectOf names the shell that reads a script as ShellCheck calls it. Scripts
// that name their own interpreter are not looked at.
func dialectOf(r *project.Run) (string, bool) {
	if len(r.Shell) == 0 || strings.HasPrefix(strings.TrimLeft(r.Script.Text.String(), "\t\n"), "#!") {
		return "", false
	}
	switch name := path.Base(r.Shell[0]); name {
	case "sh", "ash":
		return "sh", true
	case "bash", "dash", "ksh":
		return name, true
	}
	return "", false
}

// run lets ShellCheck read the scripts, each as a file that is called by its index.
func run(program, dialect string, runs []*project.Run) ([]comment, error) {
	dir, err := os.MkdirTemp("", "davit-shellcheck-*")
	if err != nil {
		return nil, fmt.Errorf("ask ShellCheck: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	args := []string{"--norc", "--format=json1", "--shell=" + dialect, excluded}
	for i, r := range runs {
		name := strconv.Itoa(i)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(r.Script.Text.String()), 0o600); err != nil {
			return nil, fmt.Errorf("ask ShellCheck: %w", err)
		}
		args = append(args, name)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if exit, found := errors.AsType[*exec.ExitError](err); err != nil && (!found || exit.ExitCode() != 1) { // 1: it has something to say
		line, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		return nil, fmt.Errorf("ShellCheck ended with %w: %s", err, line)
	}
	var said struct{ Comments []comment }
	if err := json.Unmarshal(output, &said); err != nil {
		return nil, fmt.Errorf("read what ShellCheck says: %w", err)
	}
	return said.Comments, nil
}

func report(p *rule.Pass, d *project.Dockerfile, runs []*project.Run, c comment) {
	index, err := strconv.Atoi(c.File)
	if err != nil || index < 0 || index >= len(runs) {
		return
	}
	script := runs[index].Script.Text
	start, end := offset(script.String(), c.Line, c.Column), offset(script.String(), c.EndLine, c.EndColumn)
	p.Report(d.File, rule.Report{
		Code:     fmt.Sprintf("SC%04d", c.Code),
		At:       dockerfile.Span{Start: script.Offset(start), End: max(script.Offset(end), script.Offset(start))},
		Severity: severity(c.Level),
		Message:  strings.TrimSuffix(strings.Join(strings.Fields(c.Message), " "), "."),
	})
}

// severity is ShellCheck's, but for errors: only what stops a release is one here.
func severity(level string) finding.Severity {
	switch level {
	case "info":
		return finding.Info
	case "style":
		return finding.Style
	}
	return finding.Warning
}

// offset finds the byte of a line and a column, both counted from 1.
func offset(text string, line, column int) int {
	at := 0
	for ; line > 1; line-- {
		next := strings.IndexByte(text[at:], '\n')
		if next < 0 {
			break
		}
		at += next + 1
	}
	for i := range text[at:] {
		if column--; column < 1 || text[at+i] == '\n' {
			return at + i
		}
	}
	return len(text)
}
