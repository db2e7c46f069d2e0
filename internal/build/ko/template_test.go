package ko_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// commit makes the module in dir a repository with one commit.
func commit(t *testing.T, dir string, more ...[]string) string {
	t.Helper()
	commands := append([][]string{
		{"init", "-q", "-b", "trunk"},
		{"add", "-A"},
		{"commit", "-q", "-m", "first\n\ncommitter x <y> 1 +0000"},
	}, more...)
	for _, args := range append(commands, []string{"rev-parse", "HEAD"}) {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com",
			"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com", "GIT_COMMITTER_DATE=1700000000 +0200", "GIT_AUTHOR_DATE=1600000000 +0000")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
		if args[0] == "rev-parse" {
			return strings.TrimSpace(string(out))
		}
	}
	return ""
}

const everyFact = `defaultLdflags:
- "{{.Git.Branch}}|{{.Git.Tag}}|{{.Git.ShortCommit}}|{{.Git.FullCommit}}|{{.Git.IsDirty}}|{{.Git.IsClean}}|{{.Git.TreeState}}"
- "{{.Git.CommitDate}}|{{.Git.CommitTimestamp}}|{{.Date}}|{{.Timestamp}}"
- "{{.Env.VERSION}}|{{.Env.LDFLAGS}}|{{.Env.GOOS}}|{{.Env.CGO_ENABLED}}|{{.GoEnv.GOOS}}|{{.GoEnv.GOARCH}}|{{.GoEnv.GOMOD}}|{{.GoEnv.GOFLAGS}}"
- "{{with .Git}}{{if .IsClean}}clean{{end}}{{end}}"
`

func TestTemplates(t *testing.T) {
	dir := module(t, map[string]string{".ko.yaml": everyFact})
	head := commit(t, dir, []string{"tag", "v1.2.3"})
	got, err := settings(t, dir, "cmd/api", "VERSION=v9", "KO_DEFAULTPLATFORMS=linux/arm64")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"trunk|v1.2.3|" + head[:7] + "|" + head + "|false|true|clean",
		"2023-11-14T22:13:20Z|1700000000|2023-11-14T22:13:20Z|1700000000",
		"v9||linux|0|linux|arm64|" + filepath.Join(dir, "go.mod") + "|",
		"clean",
	}
	for i := range want {
		if len(got.Ldflags) != len(want) || got.Ldflags[i] != want[i] {
			t.Fatalf("got  %q\nwant %q", got.Ldflags, want)
		}
	}
}

func TestTemplatesOfAChangedTree(t *testing.T) {
	dir := module(t, map[string]string{".ko.yaml": everyFact})
	commit(t, dir, []string{"checkout", "-q", "--detach"})
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() { println() }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := settings(t, dir, "", "VERSION=v9", "SOURCE_DATE_EPOCH=1", "KO_DEFAULTPLATFORMS=linux/s390x")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(got.Ldflags[0], "HEAD|v0.0.0|") || !strings.HasSuffix(got.Ldflags[0], "|true|false|dirty") {
		t.Errorf("git: %q", got.Ldflags[0])
	}
	if want := "2023-11-14T22:13:20Z|1700000000|1970-01-01T00:00:01Z|1"; got.Ldflags[1] != want {
		t.Errorf("dates: got %q, want %q", got.Ldflags[1], want)
	}
}

// As in ko, a tree without a repository has a version that is empty. A time that
// is nobody's is an error, though.
func TestTemplatesWithoutGit(t *testing.T) {
	dir := module(t, map[string]string{".ko.yaml": "defaultLdflags: '-X main.v={{.Git.Tag}}{{.Git.ShortCommit}}{{.Git.Branch}} {{.Env.WHEN}}'\n"})
	got, err := settings(t, dir, "", "WHEN=now")
	if err != nil || strings.Join(got.Ldflags, "|") != "-X|main.v={{.Git.Tag}}{{.Git.ShortCommit}}{{.Git.Branch}}|{{.Env.WHEN}}" && strings.Join(got.Ldflags, "|") != "-X|main.v=|now" {
		t.Errorf("%q, %v", got.Ldflags, err)
	}
	for _, template := range []string{"{{.Date}}", "{{.Timestamp}}", "{{.Git.CommitDate}}", "{{.Git.CommitTimestamp}}"} {
		dir := module(t, map[string]string{".ko.yaml": "builds: [{ldflags: '" + template + "'}]\n"})
		if _, err := settings(t, dir, ""); err == nil || !strings.Contains(err.Error(), "no commit of git is checked out") {
			t.Errorf("%s: %v", template, err)
		}
	}
	if _, err := settings(t, module(t, map[string]string{".ko.yaml": "builds: [{ldflags: '{{.Date}}'}]\n"}), "", "SOURCE_DATE_EPOCH=now"); err == nil {
		t.Error("SOURCE_DATE_EPOCH=now was accepted")
	}
}

// What the repository's configuration names is not started.
func TestGitStartsNothingOfTheTree(t *testing.T) {
	dir := module(t, map[string]string{".ko.yaml": everyFact})
	marker := filepath.Join(t.TempDir(), "started")
	commit(t, dir, []string{"config", "core.fsmonitor", "touch " + marker}, []string{"config", "log.showSignature", "true"},
		[]string{"config", "gpg.program", "touch " + marker}, []string{"config", "core.pager", "touch " + marker})
	if _, err := settings(t, dir, "", "VERSION=v9", "KO_DEFAULTPLATFORMS=linux/arm64"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("a program of the repository's was started")
	}
}

// The real toolchain takes what comes out of flags and ldflags.
func TestGoBuildTakesTheFlags(t *testing.T) {
	dir := module(t, map[string]string{
		"main.go": "package main\n\nvar version, tagged string\n\nfunc main() { print(version, tagged) }\n",
		"tag.go":  "//go:build special && other\n\npackage main\n\nfunc init() { tagged = \" tagged\" }\n",
		".ko.yaml": "defaultFlags: [-v, -tags, 'special,other', -gcflags, 'all=-N -l']\n" +
			"defaultLdflags: [-s -w, -extldflags \"-static -x\", \"-X 'main.version={{.Env.VERSION}} x'\"]\n",
	})
	got, err := settings(t, dir, "", "VERSION=v1")
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"run", "-tags=" + strings.Join(got.Tags, ","), "-ldflags=" + strings.Join(got.Ldflags, " ")}, got.Flags...)
	cmd := exec.CommandContext(t.Context(), "go", append(args, ".")...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "v1 x tagged" {
		t.Errorf("%v: %s (flags %q, ldflags %q)", err, out, got.Flags, got.Ldflags)
	}
}
