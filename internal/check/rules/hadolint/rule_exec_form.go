package hadolint

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleExecForm() rule.Rule {
	return rule.Rule{
		Code:     "DL3025",
		Aliases:  []string{"JSONArgsRecommended"},
		Severity: finding.Warning,
		Fix:      finding.Unsafe,
		Title:    "Write CMD and ENTRYPOINT as a JSON list",
		Why: "Without the list a shell starts the program. Many shells keep SIGTERM to themselves: " +
			"the service does not shut down in order and is killed after ten seconds. An image without a shell does not start at all.",
		Dockerfile: checkExecForm,
	}
}

func checkExecForm(p *rule.Pass, d *project.Dockerfile) {
	for _, s := range d.All() {
		for _, i := range s.Instructions {
			in := inner(i)
			switch in.Name {
			case "CMD", "ENTRYPOINT":
				if !in.JSON && in.Rest.Len() > 0 {
					execForm(p, d, in, in.Rest, changes(s, in))
				}
			case "HEALTHCHECK":
				if command, shell := healthCommand(in); shell {
					execForm(p, d, in, command, false)
				}
			}
		}
	}
}

// healthCommand returns what a HEALTHCHECK runs in a shell.
func healthCommand(i *dockerfile.Instruction) (dockerfile.Text, bool) {
	text := i.Rest.String()
	if len(text) < 4 || !strings.EqualFold(text[:3], "CMD") {
		return dockerfile.Text{}, false
	}
	rest := strings.TrimSpace(text[3:])
	var list []string
	if rest == "" || json.Unmarshal([]byte(rest), &list) == nil {
		return dockerfile.Text{}, false
	}
	at := strings.Index(text[3:], rest) + 3
	return i.Rest.Slice(at, at+len(rest)), true
}

func execForm(p *rule.Pass, d *project.Dockerfile, i *dockerfile.Instruction, command dockerfile.Text, unsafe bool) {
	r := rule.Report{
		At:      command.Span(),
		Message: fmt.Sprintf("a shell runs this %s: it may keep signals from the program, or not be there; write a JSON list", i.Name),
	}
	if i.Name == "HEALTHCHECK" {
		r.Message = "a shell runs this HEALTHCHECK, and it may not be there; write the command as a JSON list"
	}
	list, simple := execList(command.String())
	if list != nil && command.Contiguous() {
		r.Fix = rule.SafeFix(rule.Edit(d.File, command.Span(), jsonList(list)))
		if unsafe || !simple {
			r.Fix.Safety = finding.Unsafe
		}
	}
	p.Report(d.File, r)
}

// changes says whether the program gets other arguments without the shell: a
// shell as the entry point passes over CMD, and the entry point gets a CMD as
// arguments, with or without a shell in front of them.
func changes(s *project.Stage, i *dockerfile.Instruction) bool {
	other := "ENTRYPOINT"
	if i.Name == "ENTRYPOINT" {
		other = "CMD"
	}
	if len(s.Shell) != 2 || s.Shell[0] != "/bin/sh" {
		return true // what it knows by itself, another shell may not
	}
	for at := s; at != nil; at = at.Below {
		if slices.ContainsFunc(at.Instructions, func(o *dockerfile.Instruction) bool { return o.Name == other }) {
			return true
		}
	}
	if i.Name == "ENTRYPOINT" {
		return false
	}
	return !hasNoEntrypoint(s.Base)
}

// hasNoEntrypoint knows the base images that set none.
func hasNoEntrypoint(base project.Image) bool {
	return base.Known && slices.Contains([]string{"scratch", "golang", "alpine", "debian", "ubuntu", "busybox", "fedora", "rockylinux", "almalinux"}, base.Name)
}

// execList returns the words of a command that a shell would only split, or of
// one that a shell is needed for, behind /bin/sh -c: the shell then gives its
// place to the program. It returns nothing for more than one command.
func execList(text string) (list []string, simple bool) {
	words, variables, ok := simpleWords(text)
	if ok && len(words) > 1 && words[0] == "exec" && !strings.HasPrefix(words[1], "-") {
		words, text = words[1:], strings.TrimSpace(strings.TrimPrefix(text, "exec"))
	}
	switch {
	case !ok || len(words) == 0 || strings.Contains(words[0], "=") || isBuiltin(words[0]):
		return nil, false
	case variables:
		return []string{"/bin/sh", "-c", "exec " + text}, false
	}
	return words, true
}

// simpleWords splits a simple command without redirections and the like, and
// says whether variables are in it.
func simpleWords(text string) (words []string, variables, ok bool) {
	var word strings.Builder
	inWord, quote := false, byte(0)
	for i := range len(text) {
		c := text[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			inWord, quote = true, c
		case c == '$' && quote != '\'':
			variables, inWord = true, true
		case quote == 0 && (c == ' ' || c == '\t'):
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		case needsShell(c, quote):
			return nil, false, false
		default:
			inWord = true
			word.WriteByte(c)
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, variables, quote == 0
}

// needsShell says that a character means something to a shell, in quotes or out.
func needsShell(c, quote byte) bool {
	return quote != '\'' && strings.IndexByte("\\`", c) >= 0 || quote == 0 && strings.IndexByte("|&;<>()*?[]#~!\n\r", c) >= 0
}

// isBuiltin knows what only a shell can do.
func isBuiltin(name string) bool {
	switch name {
	case "exec", "cd", "source", ".", "eval", "exit", "export", "set", "trap", "ulimit", "umask", "unset", "wait", "command", "if", "for", "while", "case", "{", ":":
		return true
	}
	return false
}

// jsonList writes the exec form.
func jsonList(words []string) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(words) // strings have no error
	return strings.ReplaceAll(strings.TrimSpace(out.String()), `","`, `", "`)
}
