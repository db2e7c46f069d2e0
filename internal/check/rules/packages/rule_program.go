package packages

import (
	"fmt"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

// aimless are programs that do nothing of use while an image is built.
func aimless() []string {
	return []string{"free", "kill", "mount", "ps", "service", "shutdown", "ssh", "top", "vim"}
}

func ruleAimless() rule.Rule {
	return rule.Rule{
		Code:     "DL3001",
		Severity: finding.Info,
		Title:    "Leave out programs that make no sense in a build",
		Why: "A build has no services, no terminal and no processes but its own: what `service start`, `ps` or `vim` do in a RUN " +
			"is gone when the RUN ends.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			for _, r := range runs(d) {
				for _, c := range r.Commands {
					if slices.Contains(aimless(), c.Name()) {
						p.Report(d.File, rule.Report{At: c.Args[0].Span, Message: fmt.Sprintf("%s makes no sense while an image is built; leave it out", c.Name())})
					}
				}
			}
		},
	}
}

func ruleSudo() rule.Rule {
	return rule.Rule{
		Code:     "DL3004",
		Severity: finding.Error,
		Fix:      finding.Safe,
		Title:    "Do not call sudo",
		Why:      "A build is root's until USER says otherwise. sudo has no terminal there, changes the environment, and stays in the image as a way to become root.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			for _, r := range runs(d) {
				for _, c := range r.Commands {
					if c.Name() == "sudo" {
						p.Report(d.File, rule.Report{
							At:      c.Args[0].Span,
							Message: "sudo is not needed for root and not to be had for others; leave it out, or set USER before this RUN",
							Fix:     withoutSudo(d, r, c),
						})
					}
				}
			}
		},
	}
}

// withoutSudo is the fix where root calls it, with nothing but a command.
func withoutSudo(d *project.Dockerfile, r *project.Run, c *project.Command) *finding.Fix {
	root := true
	for _, i := range r.Stage.Instructions {
		if i.Start < r.Instruction.Start && i.Name == "USER" {
			root = len(i.Args) == 1 && (i.Args[0].Value.String() == "root" || i.Args[0].Value.String() == "0")
		}
	}
	if !root || r.Stage.Below != nil || len(c.Args) < 2 || c.Exec || strings.HasPrefix(c.Args[1].Text, "-") || strings.Contains(c.Args[1].Text, "=") {
		return nil
	}
	between := d.Source[c.Args[0].Start:c.Args[1].Start]
	if strings.TrimSpace(between) != "sudo" {
		return nil
	}
	return rule.SafeFix(finding.Edit{File: d.Path, Start: c.Args[0].Start, End: c.Args[1].Start})
}

func ruleUseradd() rule.Rule {
	return rule.Rule{
		Code:     "DL3046",
		Severity: finding.Warning,
		Fix:      finding.Safe,
		Title:    "Give useradd -l when the number of the user is large",
		Why: "useradd enters a user into /var/log/faillog and lastlog at the place of its number. " +
			"The files are sparse; a layer is not: a high number becomes gigabytes.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			useradd := program{names: []string{"useradd"}, valued: []string{
				"-u", "--uid", "-g", "--gid", "-G", "--groups", "-d", "--home-dir", "-s", "--shell", "-c", "--comment", "-p", "--password", "-k", "--skel",
			}}
			for _, r := range runs(d) {
				for _, c := range useradd.calls(r) {
					if uid := c.value("-u", "--uid"); len(uid) > 5 && !c.has("-l", "--no-log-init") {
						p.Report(d.File, rule.Report{
							At:      c.at.Span,
							Message: fmt.Sprintf("useradd for the number %s writes a log file of gigabytes into the layer; add -l", uid),
							Fix:     behindProgram(d, c, "-l"),
						})
					}
				}
			}
		},
	}
}

func ruleWget() rule.Rule {
	return rule.Rule{
		Code:     "DL3047",
		Severity: finding.Info,
		Fix:      finding.Safe,
		Title:    "Keep wget's progress out of the log of the build",
		Why:      "Without a terminal wget writes a line for every 50 kB: thousands for a download of some size, and the message that matters is lost among them.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			wget := program{names: []string{"wget"}, valued: []string{"-O", "--output-document", "-o", "--output-file", "-a", "--append-output", "-P"}}
			for _, r := range runs(d) {
				for _, c := range wget.calls(r) {
					silent := c.has("-q", "--quiet", "-nv", "--no-verbose", "--progress", "-o", "--output-file", "-a", "--append-output")
					if len(c.operands) > 0 && !silent {
						p.Report(d.File, rule.Report{
							At:      c.at.Span,
							Message: "wget fills the log with its progress; add --progress=dot:giga, or -q",
							Fix:     behindProgram(d, c, "--progress=dot:giga"),
						})
					}
				}
			}
		},
	}
}

// value returns the value of an option, "" without it.
func (c call) value(names ...string) string {
	for _, o := range c.options {
		if slices.Contains(names, o.name) {
			return o.value
		}
	}
	return ""
}

// behindProgram is the fix that puts a word behind the program's name.
func behindProgram(d *project.Dockerfile, c call, word string) *finding.Fix {
	if c.Exec {
		return nil
	}
	return rule.SafeFix(rule.Insert(d.File, c.at.End, " "+word))
}

func ruleTwoFetchers() rule.Rule {
	return rule.Rule{
		Code:     "DL4001",
		Severity: finding.Warning,
		Title:    "Fetch files with wget or with curl, not with both",
		Why:      "Each brings its own libraries, options and bugs into the image, and both do the same.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			for _, s := range d.All() {
				first := ""
				for _, r := range s.Runs {
					for _, c := range r.Commands {
						name := c.Name()
						switch {
						case name != "wget" && name != "curl":
						case first == "":
							first = name
						case first != name:
							p.Report(d.File, rule.Report{At: c.Args[0].Span, Message: fmt.Sprintf("%s is called here and %s before; one of them is enough", name, first)})
							first = name
						}
					}
				}
			}
		},
	}
}
