package hadolint

import (
	"fmt"
	"strings"

	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleSecret() rule.Rule {
	return rule.Rule{
		Code:     "DL3064",
		Aliases:  []string{"SecretsUsedInArgOrEnv"},
		Severity: finding.Warning,
		Title:    "Keep secrets out of ARG and ENV",
		Why: "The values of ENV are in the image, and those of ARG in its history: " +
			"`docker history` and `docker inspect` show them to everybody who can pull it.",
		Dockerfile: checkSecret,
	}
}

func checkSecret(p *rule.Pass, d *project.Dockerfile) {
	each(d, func(i *dockerfile.Instruction) {
		for _, a := range i.Assignments() {
			if isSecret(a.Name.String()) && !isSwitch(a.Value.String()) {
				p.Report(d.File, rule.Report{At: a.Name.Span(), Message: secretMessage(i.Name, a.Name.String())})
			}
		}
	}, "ARG", "ENV")
}

func secretMessage(instruction, name string) string {
	if instruction == "ARG" {
		return fmt.Sprintf("the value of %s stays in the history of the image; give it to the RUN that needs it with --mount=type=secret,id=%s", name, strings.ToLower(name))
	}
	return fmt.Sprintf("the value of %s stays in the image; set it where the container runs, or give it to a RUN with --mount=type=secret,id=%s", name, strings.ToLower(name))
}

// isSwitch says that a value only turns something on or off.
func isSwitch(value string) bool {
	switch strings.ToLower(strings.Trim(value, `'"`)) {
	case "true", "false", "yes", "no", "on", "off", "0", "1":
		return true
	}
	return false
}

// isSecret judges a variable by the words of its name.
func isSecret(name string) bool {
	secret := false
	for word := range strings.SplitSeq(strings.ToLower(name), "_") {
		switch word {
		case "apikey", "auth", "credential", "credentials", "key", "password", "passphrase", "passwd", "psw", "pword", "pwd", "secret", "token":
			secret = true
		case "public", "pub", "gpg", "file", "path", "dir", "version", "sock", "url", "uri":
			return false // open to all, or the place of a secret
		}
	}
	return secret
}
