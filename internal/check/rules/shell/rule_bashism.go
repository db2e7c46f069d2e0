package shell

import (
	"fmt"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/davit-dev/davit/internal/check/finding"
	"github.com/davit-dev/davit/internal/check/rule"
)

// bashism is something that /bin/sh of Debian, which is dash, does not know.
type bashism struct {
	code, what, instead string
	is                  func(syntax.Node) syntax.Node // where it is in a node; nil when it is not
}

func (b bashism) rule() rule.Rule {
	return rule.Rule{
		Code:     b.code,
		Severity: finding.Warning,
		Title:    "Leave " + b.what + " to bash",
		Why: "RUN is read by /bin/sh. In Debian and Ubuntu, and in what is built on them, that is dash, which fails here or " +
			"takes it for something else; SHELL [\"/bin/bash\", \"-c\"] says that bash is meant.",
		Dockerfile: plain(func(s *scan, n syntax.Node) {
			if at := b.is(n); at != nil {
				s.report(at, fmt.Sprintf("/bin/sh does not know %s; write %s, or set SHELL to bash", b.what, b.instead), nil)
			}
		}),
	}
}

// bashisms are all of them, in the order of the codes.
func bashisms() []bashism {
	return []bashism{
		{"SC3001", `process substitution <(…)`, `a temporary file, or a pipe`, is[*syntax.ProcSubst]},
		{"SC3006", `arithmetic in ((…))`, `[ $((…)) -ne 0 ]`, is[*syntax.ArithmCmd]},
		{"SC3009", `braces with several words`, `the words themselves`, braces},
		{"SC3010", `[[ … ]]`, `[ … ]`, is[*syntax.TestClause]},
		{"SC3011", `here-strings <<<`, `a here-document, or a pipe`, hereString},
		{"SC3014", `== in a test`, `=`, doubleEquals},
		{"SC3020", `&> for both outputs`, `> file 2>&1`, bothOutputs},
		{"SC3030", `arrays`, `"$@", or words in one variable`, is[*syntax.ArrayExpr]},
		{"SC3037", `options of echo`, `printf`, echoOptions},
		{"SC3040", `set -o pipefail`, `SHELL with bash`, setPipefail},
		{"SC3046", `source`, `.`, sourceCommand},
		{"SC3054", `elements of arrays`, `"$@"`, arrayElement},
		{"SC3057", `parts of a value ${x:1:2}`, `cut, or ${x#…} and ${x%…}`, partOfValue},
		{"SC3060", `replacing in a value ${x/a/b}`, `sed`, replacedValue},
	}
}

func is[T syntax.Node](n syntax.Node) syntax.Node {
	if _, ok := n.(T); ok {
		return n
	}
	return nil
}

// braces finds words such as {a,b}.
func braces(n syntax.Node) syntax.Node {
	word, ok := n.(*syntax.Word)
	if !ok {
		return nil
	}
	for _, part := range word.Parts {
		lit, ok := part.(*syntax.Lit)
		if !ok {
			continue
		}
		open := strings.IndexByte(lit.Value, '{')
		if open < 0 || open > 0 && lit.Value[open-1] == '\\' {
			continue
		}
		inside, _, closed := strings.Cut(lit.Value[open+1:], "}")
		if closed && (strings.Contains(inside, ",") || strings.Contains(inside, "..")) {
			return word
		}
	}
	return nil
}

func hereString(n syntax.Node) syntax.Node {
	if r, ok := n.(*syntax.Redirect); ok && r.Op == syntax.WordHdoc {
		return r
	}
	return nil
}

func bothOutputs(n syntax.Node) syntax.Node {
	if r, ok := n.(*syntax.Redirect); ok && (r.Op == syntax.RdrAll || r.Op == syntax.AppAll) {
		return r
	}
	return nil
}

func doubleEquals(n syntax.Node) syntax.Node {
	words, c := isCall(n, "[", "test")
	if i := slices.Index(words, "=="); i > 0 {
		return c.Args[i]
	}
	return nil
}

func echoOptions(n syntax.Node) syntax.Node {
	words, c := isCall(n, "echo")
	if len(words) > 1 && slices.Contains([]string{"-e", "-E", "-ne", "-en"}, words[1]) {
		return c.Args[1]
	}
	return nil
}

func setPipefail(n syntax.Node) syntax.Node {
	words, c := isCall(n, "set")
	if i := slices.Index(words, "pipefail"); i > 0 {
		return c.Args[i]
	}
	return nil
}

func sourceCommand(n syntax.Node) syntax.Node {
	if _, c := isCall(n, "source"); c != nil {
		return c.Args[0]
	}
	return nil
}

func arrayElement(n syntax.Node) syntax.Node {
	if p, ok := n.(*syntax.ParamExp); ok && p.Index != nil {
		return p
	}
	return nil
}

func partOfValue(n syntax.Node) syntax.Node {
	if p, ok := n.(*syntax.ParamExp); ok && p.Slice != nil {
		return p
	}
	return nil
}

func replacedValue(n syntax.Node) syntax.Node {
	if p, ok := n.(*syntax.ParamExp); ok && p.Repl != nil {
		return p
	}
	return nil
}
