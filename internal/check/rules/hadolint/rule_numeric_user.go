package hadolint

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleNumericUser() rule.Rule {
	return rule.Rule{
		Code:     "DL3066",
		Severity: finding.Info,
		Fix:      finding.Unsafe,
		Title:    "Give USER a number",
		Why: "Only the image knows who a name is. Kubernetes does not start a container with runAsNonRoot whose user is a name, " +
			"since that may be root.",
		Dockerfile: checkNumericUser,
	}
}

func checkNumericUser(p *rule.Pass, d *project.Dockerfile) {
	all := d.All()
	if len(all) == 0 {
		return
	}
	s := all[len(all)-1]
	if s.User == nil || len(s.User.Args) != 1 {
		return
	}
	word := s.User.Args[0]
	user, group, hasGroup := strings.Cut(strings.Trim(word.Value.String(), `'"`), ":")
	if strings.Contains(word.String(), "$") || user == "root" || isNumber(user) && (!hasGroup || isNumber(group)) {
		return
	}
	r := rule.Report{
		At:      word.Span(),
		Message: fmt.Sprintf("who %s is, only the image knows; write the numbers of user and group", word),
	}
	number, known := accountOf(s, user, "useradd", "adduser")
	if known && hasGroup {
		gid, found := accountOf(s, group, "groupadd", "addgroup")
		number, known = number+":"+gid, found
	}
	if known && written(word) {
		r.Fix = rule.UnsafeFix(rule.Edit(d.File, word.Span(), number))
	}
	p.Report(d.File, r)
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 32)
	return err == nil
}

// accountOf finds the number of a user or group: of one that every image has, or
// that a command of the stages has made with a number.
func accountOf(s *project.Stage, name string, commands ...string) (string, bool) {
	if isNumber(name) {
		return name, true
	}
	for at := s; at != nil; at = at.Below {
		for _, c := range at.Commands {
			if id, made := madeAccount(c, name, commands); made {
				return id, id != ""
			}
		}
	}
	if name == "nonroot" && (strings.HasPrefix(s.Base.Name, "gcr.io/distroless/") || strings.HasPrefix(s.Base.Name, "cgr.dev/chainguard/")) {
		return "65532", true
	}
	return "", false
}

// madeAccount says whether a command makes the account, and the number that it
// gives it.
func madeAccount(c *project.Command, name string, commands []string) (id string, made bool) {
	if program := c.Name(); program != commands[0] && program != commands[1] {
		return "", false
	}
	for k, a := range c.Args[1:] {
		flag, value, joined := strings.Cut(a.Text, "=")
		if !joined && k+2 < len(c.Args) {
			value = c.Args[k+2].Text
		}
		switch {
		case flag == "-u" || flag == "--uid" || strings.HasPrefix(commands[0], "group") && (flag == "-g" || flag == "--gid"):
			id = value
		case a.Known && a.Text == name:
			made = true
		}
	}
	if !isNumber(id) {
		id = ""
	}
	return id, made
}
