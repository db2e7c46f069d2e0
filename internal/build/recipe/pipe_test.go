package recipe_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestPipes compares lines with what the shell of this machine makes of them.
func TestPipes(t *testing.T) {
	lines := []string{
		`printf 'a b\nc d\n' | awk '{print $2}'`,
		`printf 'a:b\nc:d\n' | awk -F: '/^c/ {print $NF}'`,
		`printf 'go 1.21\nmodule x\n' | grep '^go ' | awk '{ print $2; }'`,
		`printf 'a\nb\nab\n' | grep -v a`,
		`printf 'a\nb\nab\n' | grep -E 'a|b+$' | head -n 2 | tail -n1`,
		`printf 'a.b\naxb\n' | grep 'a\.b'`,
		`printf 'a+b\naab\n' | grep 'a+b'`,
		`printf 'a+b\naab\n' | grep -E 'a+b'`,
		`printf 'v1.2-3\n' | grep -oE '[0-9]+'`,
		`printf 'a\n' | grep -q a && echo yes || echo no`,
		`printf 'a\n' | grep -q b && echo yes || echo no`,
		`printf 'x1\nx2\n' | grep -m1 x`,
		`echo v1.2.3-4-gabc | sed 's/^v//' | cut -d- -f1`,
		`echo a-b-c-d | cut -d - -f 2-3`,
		`echo a-b-c-d | cut -d- -f-2`,
		`echo abcdef | cut -c1-3`,
		`echo nothing | cut -d: -f2`,
		`echo refs/heads/main | sed 's|refs/heads/||'`,
		`echo 1.2.3 | sed -E 's/([0-9]+)\.([0-9]+).*/\2.\1/'`,
		`echo 1.2.3 | sed 's/\([0-9]\)\.\(.*\)/\2-\1/'`,
		`echo aaa | sed 's/a/[&]/g'`,
		`echo a/b | sed -e 's/\//-/g'`,
		`echo 'a$b' | sed 's/b/$1/'`,
		`echo Ab-C | tr '[:upper:]' '[:lower:]'`,
		`echo a/b/c | tr / -`,
		`printf 'a\nb\n' | tr '\n' ' '`,
		`echo v1 | tr -d v`,
		`printf 'b\na\nb\n' | sort -u`,
		`printf 'B\na\n' | sort -r`,
		`printf 'b\na\nb\n' | wc -l`,
		`cat <<X | head -1
first
second
X`,
		`echo in | cat`,
		`false | true && echo fine`,
		`sh -c 'echo inner; exit 3' || echo failed`,
		`export A=1; B=2; sh -c 'echo $A-$B-'`,
		`sh -ec 'false; echo not here' ; echo here`,
		`echo a; (exit 2) | cat; echo b`,
	}
	var dockerfile strings.Builder
	dockerfile.WriteString("FROM alpine AS b\n")
	var want strings.Builder
	for _, line := range lines {
		dockerfile.WriteString("RUN <<'END'\n{\n" + line + "\n} >> /out\nEND\n")
		cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
		cmd.Env = []string{"LC_ALL=C", "PATH=/usr/bin:/bin"}
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		want.Write(out)
	}
	dockerfile.WriteString("FROM scratch\nCOPY --from=b /out /\n")
	result, err := buildPlanned(t, dockerfile.String(), sources())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := list(t, result.Layers), "out 644 0:0 "+strings.ReplaceAll(want.String(), "\n", `\n`)+"\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestFind lists files as find does, in the order of names.
func TestFind(t *testing.T) {
	result, err := buildPlanned(t, "FROM alpine AS b\nWORKDIR /s\nCOPY . .\nRUN find . -name '*.go' -not -path './cmd/api/*' > /1; find cmd pkg -type d > /2; find . -maxdepth 1 -type f -name 'go.*' | sort -r > /3\n"+
		"FROM scratch\nCOPY --from=b /1 /2 /3 /\n", sources())
	if err != nil {
		t.Fatal(err)
	}
	const want = `1 644 0:0 ./cmd/worker/main.go\n./main.go\n./pkg/lib/lib.go\n` + "\n" +
		`2 644 0:0 cmd\ncmd/api\ncmd/worker\npkg\npkg/lib\n` + "\n" + `3 644 0:0 ./go.sum\n./go.mod\n` + "\n"
	if got := list(t, result.Layers); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
