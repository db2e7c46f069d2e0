package goimage

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleUser() rule.Rule {
	return rule.Rule{
		Code:       "GO305",
		Severity:   finding.Error,
		Fix:        finding.Unsafe,
		Title:      "Name the user by number where there is no /etc/passwd",
		Why:        "scratch knows no names: `unable to find user app: no matching entries in passwd file`. A number needs no entry, and Kubernetes can see that it is not root.",
		Dockerfile: checkUser,
	}
}

func checkUser(p *rule.Pass, d *project.Dockerfile) {
	s, ok := final(d)
	if !ok || s.Base.Userland() != project.NoLibc || s.User == nil || len(s.User.Args) != 1 || brings(s, "passwd") {
		return
	}
	word := s.User.Args[0]
	name, _, _ := strings.Cut(word.Value.String(), ":")
	_, err := strconv.Atoi(name)
	known := !isScratch(s) && slices.Contains([]string{"root", "nobody", "nonroot"}, name)
	if name == "" || strings.Contains(name, "$") || err == nil || known || len(s.Copies) > 0 && slices.ContainsFunc(s.Copies, func(c project.Copy) bool { return c.Dest.Text == "/" && c.Origin == nil }) {
		return
	}
	r := rule.Report{At: word.Span(), Message: fmt.Sprintf("%s does not know the user %s, and the container does not start; write a number, such as 65532", s.Base.Name, name)}
	if word.Contiguous() {
		r.Fix = rule.UnsafeFix(rule.Edit(d.File, word.Span(), "65532:65532"))
	}
	p.Report(d.File, r)
}

func ruleShellForm() rule.Rule {
	return rule.Rule{
		Code:     "GO306",
		Severity: finding.Error,
		Fix:      finding.Safe,
		Title:    "Start the program without a shell where there is none",
		Why: "A command that is not a JSON list is run by /bin/sh -c. scratch and distroless have no shell: " +
			"`exec: \"/bin/sh\": stat /bin/sh: no such file or directory`.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			s, ok := final(d)
			if !ok || s.Base.Userland() != project.NoLibc || brings(s, "/sh", "busybox", "bash") {
				return
			}
			i := start(s)
			if i == nil || i.JSON || i.Start < s.From.Start || len(s.Shell) > 0 && s.Shell[0] != "/bin/sh" {
				return
			}
			p.Report(d.File, rule.Report{
				At:      i.Keyword.Span(),
				Message: fmt.Sprintf("a shell runs this %s, and %s has none: the container does not start; write a JSON list", i.Name, s.Base.Name),
				Fix:     listInstead(d, i),
			})
		},
	}
}

// listInstead is the fix for commands of plain words.
func listInstead(d *project.Dockerfile, i *dockerfile.Instruction) *finding.Fix {
	text := i.Rest.String()
	words := strings.Fields(text)
	if strings.ContainsAny(text, "$&|;<>*?()[]{}~`\\\"'#=") || len(words) == 0 || !i.Rest.Contiguous() {
		return nil
	}
	list, err := json.Marshal(words)
	if err != nil {
		return nil
	}
	return rule.SafeFix(rule.Edit(d.File, i.Rest.Span(), strings.ReplaceAll(string(list), ",", ", ")))
}

func ruleHealthcheck() rule.Rule {
	return rule.Rule{
		Code:     "GO307",
		Severity: finding.Warning,
		Title:    "Check the health with something that is in the image",
		Why: "scratch and distroless have neither a shell nor curl: the check fails each time, and whoever waits for a healthy container waits in vain. " +
			"The program itself can be called with a word for it, or davit's prober.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			s, ok := final(d)
			if !ok || s.Base.Userland() != project.NoLibc {
				return
			}
			i := lastOf(s, "HEALTHCHECK")
			if i == nil {
				return
			}
			command, found := strings.CutPrefix(strings.TrimSpace(i.Rest.String()), "CMD")
			command = strings.TrimSpace(command)
			if !found || brings(s, "/sh", "busybox", "bash") {
				return
			}
			var list []string
			if json.Unmarshal([]byte(command), &list) != nil {
				p.Report(d.File, rule.Report{At: i.Keyword.Span(), Message: fmt.Sprintf("a shell runs this check, and %s has none; call the program itself, as a JSON list", s.Base.Name)})
				return
			}
			if len(list) > 0 && slices.Contains([]string{"curl", "wget", "nc", "sh", "/bin/sh", "bash", "/usr/bin/curl", "/usr/bin/wget"}, list[0]) && !brings(s, path.Base(list[0])) {
				p.Report(d.File, rule.Report{At: i.Keyword.Span(), Message: fmt.Sprintf("%s is not in %s; call the program itself", list[0], s.Base.Name)})
			}
		},
	}
}

func ruleEntrypoint() rule.Rule {
	return rule.Rule{
		Code:     "GO311",
		Severity: finding.Error,
		Fix:      finding.Unsafe,
		Title:    "Start a program that is in the image",
		Why:      "The image holds what COPY brings, and nothing else: `exec: \"/app\": stat /app: no such file or directory`.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			s, ok := final(d)
			if !ok || !isScratch(s) || s.Below != nil {
				return
			}
			i := start(s)
			if i == nil || !i.JSON || len(i.Args) == 0 {
				return
			}
			name := i.Args[0].Value.String()
			if !path.IsAbs(name) || slices.ContainsFunc(s.Copies, func(c project.Copy) bool { return mayBring(c, path.Clean(name)) }) {
				return
			}
			r := rule.Report{At: i.Args[0].Span(), Message: fmt.Sprintf("no COPY brings %s into the image: the container does not start", name)}
			if len(s.Products) == 1 && s.Products[0].IsFile() && i.Args[0].Contiguous() {
				r.Fix = rule.UnsafeFix(rule.Edit(d.File, i.Args[0].Span(), strconv.Quote(s.Products[0].Path)))
			}
			p.Report(d.File, r)
		},
	}
}

// mayBring says whether a COPY can have put a file at a path. Of a program that
// this Dockerfile builds, it is known where it goes.
func mayBring(c project.Copy, name string) bool {
	if !c.Dest.Known || !c.Source.Known || c.Instruction.Name == "ADD" {
		return true
	}
	dest := strings.TrimSuffix(c.Dest.Text, "/")
	if name == dest {
		return true
	}
	if c.Origin != nil && slices.ContainsFunc(c.Origin.Products, func(made project.Product) bool {
		return made.IsFile() && made.Path == path.Clean("/"+c.Source.Text) && path.Base(made.Path) != path.Base(name)
	}) {
		return false
	}
	return strings.HasPrefix(name, dest+"/")
}
