package render

import (
	"io"
	"net/url"
	"slices"
	"unicode/utf8"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/rule"
)

// SARIF writes a log of the Static Analysis Results Interchange Format 2.1.0
// (OASIS; the section numbers below are its).
func SARIF(w io.Writer, r Report) error {
	run := sarifRun{ColumnKind: "unicodeCodePoints", Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{
		Name: "davit", InformationURI: "https://github.com/davit-dev/davit", Version: r.Version, Rules: r.sarifRules(),
	}
	prints := r.fingerprints()
	for i, f := range r.Findings {
		run.Results = append(run.Results, r.sarifResult(f, run.Tool.Driver.Rules, prints[i]))
	}
	return encode(w, sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0", Runs: []sarifRun{run},
	})
}

func (r Report) sarifRules() []sarifRule {
	out := []sarifRule{}
	for _, from := range r.Rules {
		out = append(out, sarifRule{
			ID: from.Code, Short: sarifText{from.Title}, Full: sarifText{from.Why}, Help: sarifText{from.Title + ". " + from.Why},
			HelpURI: page(from.Code), Default: sarifDefault{Enabled: !from.Off, Level: sarifLevel(from.Severity)},
			Properties: sarifProperties{Tags: tags(from), Precision: "high"},
		})
	}
	return out
}

// tags say what a forge can filter rules by.
func tags(r rule.Rule) []string {
	return append([]string{"davit", "severity/" + string(r.Severity)}, r.Aliases...)
}

func (r Report) sarifResult(f finding.Finding, rules []sarifRule, fingerprint string) sarifResult {
	location := sarifLocation{}
	location.Physical.Artifact = r.artifact(f.File)
	location.Physical.Region = sarifRegion{
		StartLine: f.Line, StartColumn: r.characters(f.File, f.Line, f.Column),
		EndLine: f.EndLine, EndColumn: r.characters(f.File, f.EndLine, f.EndColumn),
	}
	out := sarifResult{
		RuleID: f.Code, RuleIndex: slices.IndexFunc(rules, func(r sarifRule) bool { return r.ID == f.Code }),
		Level: sarifLevel(f.Severity), Message: sarifText{printable(f.Message)}, Locations: []sarifLocation{location},
		Fingerprints: map[string]string{"davit/v1": fingerprint},
	}
	if f.Fix != nil {
		if fix, exact := r.sarifFix(f); exact {
			out.Fixes = []sarifFix{fix}
		}
	}
	return out
}

func (r Report) artifact(file string) sarifArtifact {
	return sarifArtifact{URI: (&url.URL{Path: r.path(file)}).String(), Base: "%SRCROOT%"}
}

// sarifFix writes a fix down, and says whether that could be done: a fix with
// bytes that are not UTF-8 has no exact form in JSON.
func (r Report) sarifFix(f finding.Finding) (sarifFix, bool) {
	fix := sarifFix{Description: sarifText{"Fix " + f.Code + " (" + string(f.Fix.Safety) + ")"}}
	for _, e := range f.Fix.Edits {
		if !utf8.ValidString(e.Text) {
			return fix, false
		}
		change := sarifReplacement{Deleted: r.region(e), Inserted: sarifText{e.Text}}
		at := slices.IndexFunc(fix.Changes, func(c sarifChange) bool { return c.Artifact == r.artifact(e.File) })
		if at < 0 {
			fix.Changes = append(fix.Changes, sarifChange{Artifact: r.artifact(e.File)})
			at = len(fix.Changes) - 1
		}
		fix.Changes[at].Replacements = append(fix.Changes[at].Replacements, change)
	}
	return fix, len(fix.Changes) > 0
}

// region returns the place of an edit; that of a file that is not there is its
// beginning.
func (r Report) region(e finding.Edit) sarifRegion {
	out := sarifRegion{StartLine: 1, StartColumn: 1, EndLine: 1, EndColumn: 1}
	if r.Project == nil {
		return out
	}
	file := r.Project.File(e.File)
	if file == nil {
		return out
	}
	line, column := file.Position(e.Start)
	out.StartLine, out.StartColumn = line, r.characters(e.File, line, column)
	line, column = file.Position(e.End)
	out.EndLine, out.EndColumn = line, r.characters(e.File, line, column)
	return out
}

// sarifLevel returns the level of a severity (3.27.10).
func sarifLevel(s finding.Severity) string {
	switch s {
	case finding.Error, finding.Warning:
		return string(s)
	default:
		return "note"
	}
}
