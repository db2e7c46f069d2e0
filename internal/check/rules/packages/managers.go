package packages

import (
	"regexp"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/project"
)

// The options with a value of their own are those of the manuals: apt-get(8),
// apk(8), yum(8), dnf(8), zypper(8), gem help install, npm help config.

func aptGet() program {
	return program{names: []string{"apt-get"}, verbs: true, valued: aptValues()}
}

// anyApt are the programs that fetch lists of packages.
func anyApt() program {
	return program{names: []string{"apt-get", "apt", "aptitude"}, verbs: true, valued: aptValues()}
}

func aptValues() []string {
	return []string{"-t", "--target-release", "--default-release", "-o", "--option", "-c", "--config-file", "-a", "--host-architecture"}
}

func apk() program {
	return program{names: []string{"apk"}, verbs: true, valued: []string{
		"-X", "--repository", "-t", "--virtual", "-p", "--root", "--keys-dir", "--arch", "--cache-dir", "--cache-max-age",
		"--repositories-file", "--wait", "--progress-fd", "--timeout",
	}}
}

func yum() program { return program{names: []string{"yum"}, verbs: true, valued: yumValues()} }

func dnf() program {
	return program{names: []string{"dnf", "microdnf", "dnf5"}, verbs: true, valued: yumValues()}
}

func yumValues() []string {
	return []string{
		"-c", "--config", "-d", "--debuglevel", "-e", "--errorlevel", "-x", "--exclude", "--enablerepo", "--disablerepo", "--repo",
		"--repoid", "--releasever", "--installroot", "--setopt", "--disableplugin", "--enableplugin", "--forcearch",
	}
}

func zypper() program {
	return program{names: []string{"zypper"}, verbs: true, valued: []string{
		"-c", "--config", "-D", "--reposd-dir", "-C", "--cache-dir", "-R", "--root", "-p", "--plus-repo", "-r", "--repo", "--from",
		"-t", "--type",
	}}
}

func npm() program {
	return program{names: []string{"npm"}, verbs: true, valued: []string{
		"--registry", "--prefix", "--loglevel", "--cache", "--userconfig", "--tag", "-w", "--workspace", "--omit", "--include",
	}}
}

func gem() program {
	return program{names: []string{"gem"}, verbs: true, dashDash: true, valued: []string{
		"-v", "--version", "-i", "--install-dir", "-n", "--bindir", "-s", "--source", "--platform", "-P", "--trust-policy",
		"-w", "--document", "--build-root", "-p", "--http-proxy", "--use-system-libraries",
	}}
}

func yarn() program { return program{names: []string{"yarn", "yarnpkg"}, verbs: true} }

// pipName is pip, pip3, pip3.12.
var pipName = regexp.MustCompile(`^pip[0-9.]*$`)

// pythonName is python, python3, python3.12.
var pythonName = regexp.MustCompile(`^python[0-9.]*$`)

// installsOfPython are the calls of pip, and of pipx, which installs programs.
func installsOfPython(r *project.Run) []call {
	pipx := program{names: []string{"pipx"}, verbs: true, valued: []string{"--python", "--pip-args", "-i", "--index-url", "--suffix", "--preinstall"}}
	return append(pipCalls(r), pipx.calls(r)...)
}

// pipCalls returns the calls of pip, also as `python -m pip`.
func pipCalls(r *project.Run) []call {
	pip := program{verbs: true, valued: []string{
		"-r", "--requirement", "-c", "--constraint", "-e", "--editable", "-i", "--index-url", "--extra-index-url", "-f", "--find-links",
		"-t", "--target", "--prefix", "--root", "-b", "--build", "--src", "--trusted-host", "--proxy", "--cache-dir", "--root-user-action",
		"--python", "--progress-bar", "--timeout", "--retries", "--log", "--cert", "--client-cert", "--platform", "--python-version",
		"--implementation", "--abi", "--global-option", "--install-option", "--no-binary", "--only-binary", "-C", "--config-settings",
		"--report", "--upgrade-strategy", "--exists-action", "--use-feature", "--use-deprecated",
	}}
	var out []call
	for _, c := range r.Commands {
		if words := pipWords(c); words != nil {
			out = append(out, pip.read(c, words))
		}
	}
	return out
}

func pipWords(c *project.Command) []dockerfile.Argument {
	switch {
	case pipName.MatchString(c.Name()):
		return c.Args
	case pythonName.MatchString(c.Name()) && len(c.Args) > 2 && c.Args[1].Text == "-m" && c.Args[2].Text == "pip":
		return c.Args[2:]
	}
	return nil
}
