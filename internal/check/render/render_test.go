package render_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/project"
	"github.com/davit-dev/davit/internal/check/render"
	"github.com/davit-dev/davit/internal/check/rule"
)

var update = flag.Bool("update", false, "write what the tests get over what they want")

// odd has what a format has to escape: NUL, bytes that are not UTF-8, control
// characters, and the signs that mean something in XML, JSON and workflows.
const odd = "FROM scratch\nADD \x00\xff\x1b[31m\u00e4 <a> & \"b\", 100%: c\nADD d e\r\nADD d e\r\n"

func report(t *testing.T) render.Report {
	t.Helper()
	dir := t.TempDir()
	for name, source := range map[string]string{"a b/Dockerfile": odd, "Dockerfile": "FROM scratch\n", "go.mod": "module example.com/a\n"} {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(source), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	p, err := project.Load(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	fix := func(safety finding.Safety, edits ...finding.Edit) *finding.Fix {
		return &finding.Fix{Safety: safety, Edits: edits}
	}
	const file = "a b/Dockerfile"
	at := strings.Index(odd, "ADD d")
	return render.Report{
		Project: p, Version: "v1.2.3", Folder: "services/orders", FailOn: finding.Warning,
		Rules: rule.Set{
			{Code: "DL3020", Aliases: []string{"DS-0005"}, Severity: finding.Error, Title: "Use COPY", Why: "ADD does more than it says."},
			{Code: "GO501", Severity: finding.Warning, Off: true, Title: "Write a .dockerignore", Why: "All is sent."},
			{Code: "DL3048", Severity: finding.Style, Title: "Labels are small", Why: "That is how it is."},
		},
		Findings: []finding.Finding{
			{
				Code: "DL3020", Severity: finding.Error, Message: "\"\x00\xff\x1b\u00e4\" <is> & 100%: not, well\r\nhere", File: file,
				Line: 2, Column: 12, EndLine: 2, EndColumn: 14,
				Fix: fix(finding.Safe, finding.Edit{File: file, Start: 13, End: 16, Text: "COPY \xff"}),
			},
			{
				Code: "DL3020", Severity: finding.Error, Message: "use COPY", File: file, Line: 3, Column: 1, EndLine: 3, EndColumn: 4,
				Fix: fix(finding.Safe, finding.Edit{File: file, Start: at, End: at + 3, Text: "COPY"}),
			},
			{Code: "DL3020", Severity: finding.Error, Message: "use COPY", File: file, Line: 4, Column: 1, EndLine: 4, EndColumn: 4},
			{Code: "DL3048", Severity: finding.Style, Message: "small letters", File: file, Line: 3, Column: 1, EndLine: 4, EndColumn: 2},
			{
				Code: "GO501", Severity: finding.Warning, Message: "there is no .dockerignore", File: "Dockerfile", Line: 1, Column: 1, EndLine: 1, EndColumn: 5,
				Fix: fix(finding.Unsafe,
					finding.Edit{File: ".dockerignore", Text: ".git\n"},
					finding.Edit{File: "Dockerfile", Start: 13, End: 13, Text: "# \u00e4\n"}),
			},
		},
	}
}

func write(t *testing.T, name string, r render.Report) []byte {
	t.Helper()
	for _, f := range render.Formats() {
		if f.Name == name {
			var out bytes.Buffer
			if err := f.Write(&out, r); err != nil {
				t.Fatal(err)
			}
			return out.Bytes()
		}
	}
	t.Fatalf("there is no format %q", name)
	return nil
}

// TestFormats holds what each format makes of findings in files with odd bytes.
func TestFormats(t *testing.T) {
	for _, f := range render.Formats() {
		t.Run(f.Name, func(t *testing.T) {
			got := write(t, f.Name, report(t))
			valid(t, f.Name, got)
			valid(t, f.Name, write(t, f.Name, render.Report{}))
			name := filepath.Join("testdata", f.Name)
			if *update {
				if err := os.WriteFile(name, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(name)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s\n%v", got, want, err)
			}
		})
	}
}

// valid holds that text is what the format's readers can read at all.
func valid(t *testing.T, format string, text []byte) {
	t.Helper()
	if !utf8.Valid(text) || bytes.ContainsAny(text, "\x00\x1b\r") {
		t.Errorf("%q is not plain text", text)
	}
	switch format {
	case "json", "sarif", "gitlab", "codeclimate":
		if !json.Valid(text) {
			t.Errorf("this is not JSON: %s", text)
		}
	case "checkstyle", "junit":
		decoder := xml.NewDecoder(bytes.NewReader(text))
		for {
			_, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatalf("this is not XML: %v\n%s", err, text)
			}
		}
	case "github":
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, "::") || strings.Count(line, "::") != 2 {
				t.Errorf("this is no workflow command: %q", line)
			}
		}
	}
}

// TestSARIFSchema holds the log against OASIS's own schema, which comes with one
// of the modules of the linter.
func TestSARIFSchema(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a validator")
	}
	run := func(args ...string) []byte {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = "../../.."
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return out
	}
	run("mod", "download", "-modfile=tools/go.mod", "github.com/securego/gosec/v2")
	module := strings.TrimSpace(string(run("list", "-modfile=tools/go.mod", "-m", "-f", "{{.Dir}}", "github.com/securego/gosec/v2")))
	schema := filepath.Join(module, "report", "sarif", "testdata", "sarif-schema-2.1.0.json")
	names := []string{filepath.Join(t.TempDir(), "full.sarif"), filepath.Join(t.TempDir(), "empty.sarif")}
	for i, r := range []render.Report{report(t), {}} {
		if err := os.WriteFile(names[i], write(t, "sarif", r), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run(append([]string{"tool", "-modfile=tools/go.mod", "jv", "--assert-format", schema}, names...)...)
}

// TestFingerprints holds that those of GitLab and SARIF stay when lines move, and
// tell equal lines apart.
func TestFingerprints(t *testing.T) {
	prints := func(r render.Report) []string {
		var issues []struct{ Fingerprint string }
		if err := json.Unmarshal(write(t, "gitlab", r), &issues); err != nil {
			t.Fatal(err)
		}
		var out []string
		seen := map[string]bool{}
		for _, i := range issues {
			if seen[i.Fingerprint] {
				t.Errorf("%s is there twice", i.Fingerprint)
			}
			seen[i.Fingerprint] = true
			out = append(out, i.Fingerprint)
		}
		return out
	}
	before := report(t)
	after := report(t)
	after.Project = after.Project.With(map[string]string{"a b/Dockerfile": "# moved\n\n" + odd})
	for i := range after.Findings {
		if after.Findings[i].File != "Dockerfile" {
			after.Findings[i].Line += 2
			after.Findings[i].EndLine += 2
		}
	}
	if got, want := strings.Join(prints(after), " "), strings.Join(prints(before), " "); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestSummary(t *testing.T) {
	one := func(s finding.Severity, safety finding.Safety) finding.Finding {
		f := finding.Finding{Severity: s}
		if safety != "" {
			f.Fix = &finding.Fix{Safety: safety}
		}
		return f
	}
	for want, findings := range map[string][]finding.Finding{
		"no findings": nil,
		"1 error":     {one(finding.Error, "")},
		"2 errors, 1 warning, 2 info, 1 style; `davit check --fix` fixes 2 of them; `davit check --fix=unsafe` fixes 1 more, to be looked at": {
			one(finding.Error, finding.Safe), one(finding.Error, finding.Unsafe), one(finding.Warning, finding.Safe),
			one(finding.Info, ""), one(finding.Info, ""), one(finding.Style, ""),
		},
	} {
		if got := render.Summary(findings); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}
