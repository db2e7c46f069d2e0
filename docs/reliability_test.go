package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// faults is how many there are in docs/reliability.md.
const faults = 32

var (
	faultRow = regexp.MustCompile(`(?m)^\| (\d+) \| .+ \| .+ \| (.+) \|$`)
	testName = regexp.MustCompile("`([^`]+)`")
	numbered = regexp.MustCompile(`^(?:TestReliability|Reliability|reliability-)(\d\d)`)
)

// suite is what the tests of a folder are called: functions, and the texts in them,
// by which their parts are called.
type suite struct{ functions, texts map[string]bool }

// TestThePageOfFaultsIsTrue wants every test that docs/reliability.md names to be
// there, and every test that carries a number to stand in its row.
func TestThePageOfFaultsIsTrue(t *testing.T) {
	page, err := os.ReadFile("reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	suites := suites(t)
	named := map[string]bool{}
	rows := faultRow.FindAllStringSubmatch(string(page), -1)
	if len(rows) != faults {
		t.Errorf("there are %d rows, want %d", len(rows), faults)
	}
	for i, row := range rows {
		if row[1] != strconv.Itoa(i+1) {
			t.Errorf("row %d is called %s", i+1, row[1])
		}
		tests := testName.FindAllStringSubmatch(row[2], -1)
		if reason, none := strings.CutPrefix(row[2], "none: "); len(tests) == 0 && (!none || reason == "") {
			t.Errorf("row %s names neither a test nor why there is none", row[1])
		}
		for _, test := range tests {
			if named[row[1]+" "+test[1]] = true; !there(suites, test[1]) {
				t.Errorf("row %s: %s is not there", row[1], test[1])
			}
		}
	}
	for _, test := range carriers(t, suites) {
		if !named[test] {
			number, name, _ := strings.Cut(test, " ")
			t.Errorf("row %s does not name %s", number, name)
		}
	}
}

// there reports whether FOLDER.TEST or FOLDER.TEST/PART is a test.
func there(suites map[string]suite, name string) bool {
	folder, test, _ := strings.Cut(name, ".")
	test, part, parted := strings.Cut(test, "/")
	s := suites[folder]
	if !s.functions[test] || !parted {
		return s.functions[test]
	}
	if test == "TestScript" {
		_, err := os.Stat(filepath.Join("..", folder, "testdata", "script", part+".txtar"))
		return err == nil
	}
	return s.texts[part]
}

// carriers lists the tests that carry a number, with it in front.
func carriers(t *testing.T, suites map[string]suite) []string {
	t.Helper()
	var all []string
	add := func(folder, test, name string) {
		if number := numbered.FindStringSubmatch(name); number != nil {
			all = append(all, strings.TrimPrefix(number[1], "0")+" "+folder+"."+test)
		}
	}
	for folder, s := range suites {
		for name := range s.functions {
			add(folder, name, name)
		}
		for text := range s.texts {
			add(folder, "TestProcess/"+text, text) // the one test whose parts have numbers
		}
	}
	scripts, err := filepath.Glob("../internal/cli/testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, script := range scripts {
		name := strings.TrimSuffix(filepath.Base(script), ".txtar")
		add("internal/cli", "TestScript/"+name, name)
	}
	return all
}

// suites reads all tests of the module, by folder.
func suites(t *testing.T) map[string]suite {
	t.Helper()
	all := map[string]suite{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") || path == filepath.Join("..", "docs", "reliability_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../")
		if all[folder].functions == nil {
			all[folder] = suite{map[string]bool{}, map[string]bool{}}
		}
		all[folder].read(file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (s suite) read(file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			s.functions[n.Name.Name] = n.Recv == nil && strings.HasPrefix(n.Name.Name, "Test")
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
				s.texts[text] = true
			}
		}
		return true
	})
}
