package render

import (
	"io"

	"github.com/davit-dev/davit/internal/check/finding"
)

// issue is what GitLab and Code Climate call a finding (docs.gitlab.com, "Code
// Quality report format"; Code Climate's specification of engines).
type issue struct {
	Type        string   `json:"type"`
	CheckName   string   `json:"check_name"`
	Description string   `json:"description"`
	Categories  []string `json:"categories"`
	Severity    string   `json:"severity"`
	Fingerprint string   `json:"fingerprint"`
	Location    place    `json:"location"`
}

type place struct {
	Path  string `json:"path"`
	Lines struct {
		Begin int `json:"begin"`
		End   int `json:"end"`
	} `json:"lines"`
}

// GitLab writes a code quality report. Findings keep their fingerprints when
// lines move.
func GitLab(w io.Writer, r Report) error {
	prints := r.fingerprints()
	issues := make([]issue, len(r.Findings))
	for i, f := range r.Findings {
		at := place{Path: r.path(f.File)}
		at.Lines.Begin, at.Lines.End = f.Line, f.EndLine
		issues[i] = issue{
			Type: "issue", CheckName: f.Code, Description: printable(f.Message), Categories: []string{category(f.Severity)},
			Severity: gitLabSeverity(f.Severity), Fingerprint: prints[i], Location: at,
		}
	}
	return encode(w, issues)
}

func category(s finding.Severity) string {
	if s == finding.Style {
		return "Style"
	}
	return "Bug Risk"
}

func gitLabSeverity(s finding.Severity) string {
	switch s {
	case finding.Error:
		return "critical"
	case finding.Warning:
		return "major"
	case finding.Info:
		return "minor"
	default:
		return "info"
	}
}
