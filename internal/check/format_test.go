package check_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/check"
	"github.com/davit-dev/davit/internal/check/render"
	"github.com/davit-dev/davit/internal/check/rule"
)

func rendered(t *testing.T, source string, color bool) string {
	t.Helper()
	p, err := check.LoadReader(t.TempDir(), strings.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := render.Text(&out, render.Report{Findings: few().Run(p, rule.DefaultConfig()), Project: p, Colored: color}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestText(t *testing.T) {
	long := strings.Repeat("x", 500)
	for name, c := range map[string]struct{ source, want string }{
		"tab":      {"FROM scratch\n\tADD a b\n", "  \tADD a b\n  \t^~~\n"},
		"control":  {"FROM scratch\nADD \x1b[31m\u202eb c\n", "  ADD ·[31m·b c\n  ^~~\n"},
		"several":  {"FROM scratch\nA\\\nDD a b\n", "  A\\\n  ^~\n"},
		"wide":     {"FROM scratch\nENV \u00e4\u00f6 b\nENV \u00e4\u00f6\n", "  ENV äö\n  ^~~~~~\n"},
		"long end": {"FROM scratch\nADD " + long + " b\n", "  ADD " + strings.Repeat("x", 116) + "\n  ^~~\n"},
		"long":     {"FROM scratch\nENV a=" + long + " b" + long + "\n", "  " + strings.Repeat("x", 59) + " b" + strings.Repeat("x", 59) + "\n  " + strings.Repeat(" ", 60) + "^" + strings.Repeat("~", 59) + "\n"},
	} {
		if got := rendered(t, c.source, false); !strings.HasSuffix(got, "]\n"+c.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
	if got := rendered(t, "FROM scratch\nADD a b\n", true); !strings.HasPrefix(got, "-:2:1: \x1b[1;31merror\x1b[0m: ") || !strings.Contains(got, "\x1b[1;32m^~~\x1b[0m") {
		t.Errorf("in color: %q", got)
	}
}

func TestJSON(t *testing.T) {
	p, err := check.LoadReader(t.TempDir(), strings.NewReader("FROM scratch\nADD a b\nADD x.tar y z\nFOO\n"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := render.JSON(&out, render.Report{Findings: few().Run(p, rule.DefaultConfig())}); err != nil {
		t.Fatal(err)
	}
	const message = `"severity":"error","message":"ADD is for archives and addresses; use COPY for files and folders","file":"-",`
	want := `{"version":1,"findings":[` +
		`{"code":"DL3020",` + message + `"line":2,"column":1,"endLine":2,"endColumn":4,"fix":{"safety":"safe","edits":[{"file":"-","start":13,"end":16,"text":"COPY"}]}},` +
		`{"code":"DL3020",` + message + `"line":3,"column":1,"endLine":3,"endColumn":4,"fix":null},` +
		`{"code":"GO001","severity":"error","message":"\"FOO\" is not an instruction","file":"-","line":4,"column":1,"endLine":4,"endColumn":4,"fix":null}]}` + "\n"
	if out.String() != want {
		t.Errorf("got  %s\nwant %s", out.String(), want)
	}
	out.Reset()
	if err := render.JSON(&out, render.Report{}); err != nil || out.String() != `{"version":1,"findings":[]}`+"\n" {
		t.Errorf("no findings: %s, %v", out.String(), err)
	}
}

func TestDoc(t *testing.T) {
	if got := (check.Finding{Code: "GO111"}).Doc(); got != "docs/checks/GO111.md" {
		t.Error(got)
	}
}
