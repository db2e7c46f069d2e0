package recipe_test

import (
	"errors"
	"maps"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/build/recipe"
)

// TestRunRefuses builds what only shows when it runs that it cannot be built, or
// not here.
func TestRunRefuses(t *testing.T) {
	const build = "FROM golang:1.22 AS b\nWORKDIR /s\nCOPY . .\nRUN go build -o /m .\n"
	for name, test := range map[string]struct {
		dockerfile string
		files      map[string]string
		foreign    bool
		want       string
	}{
		"C":                {build, map[string]string{"c.go": "package main\n\n// int x;\nimport \"C\"\n"}, true, "Dockerfile:4: RUN go build -o /m .: example.com/app imports C"},
		"no module":        {build, map[string]string{"go.mod": ""}, true, "there is no go.mod in /s or above"},
		"an error in Go":   {build, map[string]string{"main.go": "package main\n\nfunc main() { undefined() }\n"}, false, "Dockerfile:4: go build: # example.com/app\n./main.go:3:15: undefined: undefined"},
		"missing":          {"FROM scratch\nCOPY none /\n", nil, false, "Dockerfile:2: none: not found in the build context"},
		"left out":         {"FROM scratch\nCOPY go.mod /\n", map[string]string{".dockerignore": "go.*"}, false, "Dockerfile:2: go.mod: .dockerignore leaves it out of the build context"},
		"outside":          {"FROM scratch\nCOPY link /\n", nil, false, "Dockerfile:2: "},
		"missing in stage": {build + "FROM scratch\nCOPY --from=b /none /\n", nil, false, "Dockerfile:6: /none: not found in b"},
		"of a package":     {build + "RUN apt-get install -y jq\nFROM scratch\nCOPY --from=b /usr/bin/jq /\n", nil, true, "Dockerfile:7: COPY --from=b /usr/bin/jq /: /usr/bin/jq is not in stage b as far as it is known here"},
		"no shell":         {"FROM scratch\nCMD ./main -x\n", nil, false, `Dockerfile:2: CMD ./main -x is run by /bin/sh, and scratch has none: write it as a list`},
		"no user":          {"FROM alpine\nCOPY --chown=app go.mod /\n", nil, false, `Dockerfile:2: there is no user "app" in /etc/passwd`},
		"failing command":  {"FROM alpine\nRUN mkdir /a/b; touch /x && ls /none\n", nil, false, "Dockerfile:2: ls: open /none: file does not exist"},
		"set -e":           {"FROM alpine\nRUN set -e; false; touch /x\n", nil, false, "Dockerfile:2: the line ends with status 1"},
		"set -u":           {"FROM alpine\nRUN set -u; echo $NONE\n", nil, false, "Dockerfile:2: NONE: unbound variable"},
		"no image":         {"FROM nowhere\nCOPY go.mod /\n", nil, false, "Dockerfile:1: get image nowhere: there is no image nowhere"},
		"triggers":         {"FROM onbuild\n", nil, true, "Dockerfile:1: FROM onbuild: onbuild has ONBUILD instructions"},
		"no repository":    {"FROM golang:1.22\nCOPY . .\nRUN X=$(git rev-parse HEAD) go build", nil, true, "there is no repository in /go"},
		"bad list":         {"FROM scratch\n", map[string]string{".dockerignore": "a\n[b\n"}, false, `read .dockerignore: line 2: "[b"`},
		"hidden by mount":  {"FROM golang:1.22\nWORKDIR /s\nCOPY go.mod .\nRUN --mount=type=bind,target=. go build\n", nil, true, "a bind mount over /s, which is not empty"},
		"into itself":      {"FROM alpine\nRUN mkdir /a && cp -r /a /a/b\n", nil, false, "cannot be copied into itself"},
		"links in a ring":  {"FROM alpine\nRUN ln -s b /a && ln -s a /b && cat /a\n", nil, false, "too many symbolic links"},
	} {
		t.Run(name, func(t *testing.T) {
			files := sources()
			maps.Copy(files, test.files)
			if files["go.mod"] == "" {
				delete(files, "go.mod")
			}
			plan, err := recipe.Parse([]byte(test.dockerfile), recipe.Options{})
			if err != nil || !plan.Native() {
				t.Fatalf("%v, %+v", err, plan)
			}
			dir := folder(t, files)
			if err := exec.CommandContext(t.Context(), "ln", "-s", "/etc/hostname", filepath.Join(dir, "link")).Run(); err != nil {
				t.Fatal(err)
			}
			_, err = plan.Run(t.Context(), dir, world(t))
			foreign := (*recipe.Foreign)(nil)
			if err == nil || !strings.Contains(err.Error(), test.want) || errors.As(err, &foreign) != test.foreign {
				t.Errorf("got %v (%T), want %s", err, err, test.want)
			}
		})
	}
}

// Links of the repository lead nowhere but inside the stage.
func TestLinksStayInside(t *testing.T) {
	dir := folder(t, map[string]string{"d/f": "inside"})
	for name, target := range map[string]string{"abs": "/etc/passwd", "up": "../../../../../../etc/passwd", "dir": "/etc"} {
		if err := exec.CommandContext(t.Context(), "ln", "-s", target, filepath.Join(dir, "d", name)).Run(); err != nil {
			t.Fatal(err)
		}
	}
	plan, err := recipe.Parse([]byte("FROM alpine AS a\nCOPY d /d\nRUN cp /d/abs /1 && cp /d/up /2 && cat /d/dir/passwd > /3 && echo new > /d/abs && cp /etc/passwd /4 && touch /d/dir/z && ls /d/dir > /5\n"+
		"FROM scratch\nCOPY --from=a /1 /2 /3 /4 /5 /\nCOPY --from=a /d /d\nCOPY --from=a /d/abs /6\n"), recipe.Options{})
	if err != nil || !plan.Native() {
		t.Fatalf("%v, %+v", err, plan)
	}
	result, err := plan.Run(t.Context(), dir, world(t))
	if err != nil {
		t.Fatal(err)
	}
	const passwd = `root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n`
	const want = "1 644 0:0 " + passwd + "\n2 644 0:0 " + passwd + "\n3 644 0:0 " + passwd + "\n4 644 0:0 new\\n\n" +
		`5 644 0:0 alpine-release\napk\ngroup\npasswd\nshadow\nz\n` + "\n---\nd/ 755 0:0\nd/abs 777 0:0 -> /etc/passwd\nd/dir 777 0:0 -> /etc\nd/f 644 0:0 inside\n" +
		"d/up 777 0:0 -> ../../../../../../etc/passwd\n---\n6 644 0:0 new\\n\n"
	if got := list(t, result.Layers); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The revision is what git says about the copy in the stage.
func TestRevision(t *testing.T) {
	files := sources()
	dir := folder(t, files)
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %s", args, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-qm", "first")
	git("tag", "v1.2.3")
	dockerfile := "FROM golang:1.22 AS b\nWORKDIR /s\nCOPY . .\nRUN V=$(git describe --tags --always --dirty) && echo $V $(git rev-parse --short HEAD) > /v\nFROM scratch\nCOPY --from=b /v /\n"
	build := func() string {
		t.Helper()
		plan, err := recipe.Parse([]byte(dockerfile), recipe.Options{})
		if err != nil {
			t.Fatal(err)
		}
		result, err := plan.Run(t.Context(), dir, world(t))
		if err != nil {
			t.Fatal(err)
		}
		return list(t, result.Layers)
	}
	short := git("rev-parse", "--short", "HEAD")
	if got := build(); got != "v 644 0:0 v1.2.3 "+short+"\\n\n" {
		t.Errorf("got %s", got)
	}
	git("config", "filter.x.clean", "touch "+filepath.Join(t.TempDir(), "ran"))
	plan, err := recipe.Parse([]byte(dockerfile), recipe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plan.Run(t.Context(), dir, world(t)); err == nil || !strings.Contains(err.Error(), "filters or includes") {
		t.Errorf("a filter of the repository: %v", err)
	}
}
