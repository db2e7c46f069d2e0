package services

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/check/compose"
	"github.com/davit-dev/davit/internal/check/dockerfile"
	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

func ruleSecret() rule.Rule {
	return rule.Rule{
		Code:     "GO431",
		Severity: finding.Warning,
		Title:    "Keep secrets out of the compose file",
		Why: "The file is in the repository, and so is the secret, in every clone and for ever; `docker inspect` shows it as well. " +
			"Take it from the environment (${NAME:?}), from an env_file that is not checked in, or from secrets.",
		Compose: checkSecret,
	}
}

func checkSecret(p *rule.Pass, c *project.Compose) {
	known := keyFormats()
	for _, s := range c.AST.Services {
		assignments := s.Environment
		if s.Build != nil {
			assignments = append(slices.Clip(assignments), s.Build.Args...)
		}
		for _, a := range assignments {
			value, constant := compose.Constant(a.Text)
			if !a.Given || !constant {
				continue
			}
			secret, at := secretIn(a, value)
			severity := weight(secret, known)
			if severity == "" {
				continue
			}
			p.Report(c.File, rule.Report{At: dockerfile.Span(at), Severity: severity, Message: secretMessage(a.Name, severity)})
		}
	}
}

func secretMessage(name string, severity finding.Severity) string {
	if severity == finding.Info {
		return fmt.Sprintf("%s has a password for trying out; before others use it, take it from the environment: ${%s:?}", name, name)
	}
	return fmt.Sprintf("the secret in %s is readable for everybody who has the repository; change it, and take it from the environment (${%s:?}) or from secrets", name, name)
}

// secretIn returns what is secret of a value: all of it when the name says so,
// or the password in a URL.
func secretIn(a compose.Assignment, value string) (string, compose.Span) {
	if isSecret(a.Name) && !harmless(value) {
		return value, a.At
	}
	if !strings.Contains(value, "://") || !strings.Contains(value, "@") {
		return "", a.At
	}
	u, err := url.Parse(value)
	if err != nil || u.User == nil {
		return "", a.At
	}
	password, _ := u.User.Password()
	if harmless(password) {
		return "", a.At
	}
	return password, a.At
}

// isSecret judges a variable by the words of its name.
func isSecret(name string) bool {
	secret, key := false, false
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '_' || r == '-' || r == '.' })
	for i, word := range words {
		switch word {
		case "password", "passwd", "passphrase", "pword", "pwd", "secret", "secrets", "token", "apikey", "credential", "credentials":
			secret = true
		case "key":
			key = i > 0 && slices.Contains([]string{"api", "access", "private", "secret", "signing", "encryption", "master", "session", "license"}, words[i-1])
			secret = secret || key
		case "public", "pub", "file", "path", "dir", "name", "url", "uri", "ttl", "expiry", "expires", "expiration", "length", "min", "max",
			"header", "enabled", "type", "issuer", "version", "algorithm", "alg", "id", "endpoint", "policy", "lifetime", "duration", "timeout",
			"rotation", "age", "hash", "salt", "hint", "field", "cookie", "count", "limit", "required", "random", "empty", "allow":
			return false // about a secret, or the place of one
		}
	}
	return secret
}

// harmless says that a value is no secret whatever the name: nothing, a switch,
// a path, a placeholder.
func harmless(value string) bool {
	lower := strings.ToLower(strings.TrimSpace(value))
	switch lower {
	case "", "true", "false", "yes", "no", "on", "off", "none", "null", "0", "1":
		return true
	}
	return strings.HasPrefix(value, "/") || strings.HasPrefix(value, "./") || strings.HasPrefix(value, "<") || strings.Trim(value, "*xX.") == ""
}

// weight says how sure it is that a text is a secret that opens something:
// those of a known form and those that nobody would type by heart are. A word
// such as the name of the database is there for trying out.
func weight(text string, known *regexp.Regexp) finding.Severity {
	lower := strings.ToLower(text)
	switch {
	case text == "":
		return ""
	case known.MatchString(text):
		return finding.Error
	case placeholder(lower):
		return finding.Info
	case len(text) >= 16 && mixed(text):
		return finding.Error
	case len(text) <= 12 && !mixed(text):
		return finding.Info
	}
	return finding.Warning
}

func placeholder(lower string) bool {
	for _, word := range []string{"change", "example", "dummy", "placeholder", "insecure", "your", "replace", "test", "local", "dev", "password", "secret", "postgres", "admin", "root", "demo", "sample"} {
		if strings.Contains(lower, word) {
			return true
		}
	}
	return false
}

// mixed says that a text has letters and digits, as random ones have.
func mixed(text string) bool {
	letters := strings.IndexFunc(text, func(r rune) bool { return 'a' <= r|0x20 && r|0x20 <= 'z' }) >= 0
	return letters && strings.ContainsAny(text, "0123456789") && !strings.Contains(text, " ")
}

// keyFormats knows the keys whose issuers made them easy to find: AWS, GitHub,
// GitLab, Slack, Stripe, Google, npm, PEM.
func keyFormats() *regexp.Regexp {
	return regexp.MustCompile(`^(AKIA|ASIA)[0-9A-Z]{16}$|^gh[pousr]_[0-9A-Za-z]{36,}$|^github_pat_[0-9A-Za-z_]{40,}$|^glpat-[0-9A-Za-z_-]{20,}$|^xox[abprs]-[0-9A-Za-z-]{10,}$|^[rs]k_live_[0-9A-Za-z]{16,}$|^AIza[0-9A-Za-z_-]{35}$|^npm_[0-9A-Za-z]{36}$|-----BEGIN [A-Z ]*PRIVATE KEY-----`)
}
