package labels

import (
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/rule"
)

// format is what the values of labels of one format are.
type format struct {
	code  string
	name  rule.LabelFormat
	title string
	what  string // "is not …"
	holds func(string) bool
}

func formats() []format {
	return []format{
		{"DL3052", rule.LabelURL, "Write a URL where the schema says so", "a URL such as https://example.com/orders", isURL},
		{"DL3053", rule.LabelTime, "Write a time of RFC 3339 where the schema says so", "a time such as 2026-01-31T12:00:00Z (RFC 3339)", isTime},
		{"DL3054", rule.LabelSPDX, "Write an SPDX license where the schema says so", "a license of SPDX's list such as Apache-2.0, or an expression of them", isLicense},
		{"DL3055", rule.LabelHash, "Write a Git hash where the schema says so", "a Git hash of 7 to 40 hexadecimal digits, or 64", isHash},
		{"DL3056", rule.LabelSemVer, "Write a semantic version where the schema says so", "a semantic version such as 1.2.3", isVersion},
		{"DL3058", rule.LabelEmail, "Write an e-mail address where the schema says so", "an e-mail address such as orders@example.com", isEmail},
	}
}

func formatRules() []rule.Rule {
	rules := []rule.Rule{{
		Code:     "DL3051",
		Severity: finding.Warning,
		Title:    "Give the labels of the schema a value",
		Why:      "A label that check.labels asks for and that is empty says as little as one that is not there.",
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			eachPlanned(p, d, func(l label, _ rule.LabelFormat) {
				if l.value.String() == "" {
					p.Report(d.File, rule.Report{At: l.Name.Span(), Message: fmt.Sprintf("the label %q is empty; give it a value", l.key)})
				}
			})
		},
	}}
	for _, f := range formats() {
		rules = append(rules, ruleFormat(f))
	}
	return rules
}

func ruleFormat(f format) rule.Rule {
	return rule.Rule{
		Code:     f.code,
		Severity: finding.Warning,
		Title:    f.title,
		Why: fmt.Sprintf("A label with the format %s in check.labels is read by programs. "+
			"They pass over a value that has another form, or stop at it.", f.name),
		Dockerfile: func(p *rule.Pass, d *project.Dockerfile) {
			eachPlanned(p, d, func(l label, planned rule.LabelFormat) {
				if value := l.value.String(); planned == f.name && value != "" && !f.holds(value) {
					p.Report(d.File, rule.Report{
						At:      l.Value.Span(),
						Message: fmt.Sprintf("the label %q is %q; it is to be %s", l.key, value, f.what),
					})
				}
			})
		},
	}
}

// eachPlanned visits the labels of the schema whose values are known.
func eachPlanned(p *rule.Pass, d *project.Dockerfile, visit func(label, rule.LabelFormat)) {
	if len(p.Config.Labels) == 0 {
		return
	}
	each(d, func(l label) {
		if planned, found := p.Config.Labels[l.key.String()]; found && l.key.Known && l.value.Known {
			visit(l, planned)
		}
	})
}

// isURL wants a scheme and a host, but for the schemes that have none.
func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && (u.Host != "" || u.Opaque != "" && (u.Scheme == "mailto" || u.Scheme == "urn"))
}

func isTime(s string) bool {
	_, err := time.Parse(time.RFC3339, s)
	return err == nil
}

func isHash(s string) bool {
	return (7 <= len(s) && len(s) <= 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// isVersion wants all three numbers (semver.org, 2.0.0, item 2) and no v.
func isVersion(s string) bool {
	core := s
	if at := strings.IndexAny(s, "-+"); at >= 0 {
		core = s[:at]
	}
	return strings.Count(core, ".") == 2 && semver.IsValid("v"+s)
}

func isEmail(s string) bool {
	address, err := mail.ParseAddress(s)
	return err == nil && address.Address == s
}
