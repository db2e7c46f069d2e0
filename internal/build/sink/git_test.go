package sink_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/build/sink"
	"github.com/davit-dev/davit/internal/source"
)

// gitRepo is a repository of the test.
type gitRepo struct {
	t   *testing.T
	dir string
}

func newGitRepo(t *testing.T) gitRepo {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not on this machine")
	}
	t.Setenv("GIT_CONFIG_GLOBAL", "/dev/null")
	r := gitRepo{t, t.TempDir()}
	r.git("init", "-q", "-b", "main")
	return r
}

func (r gitRepo) git(args ...string) string {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), "git", append([]string{"-C", r.dir, "-c", "user.name=a", "-c", "user.email=a@b"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_COMMITTER_DATE=2026-11-23T13:01:02+01:00", "GIT_AUTHOR_DATE=2020-01-01T00:00:00Z")
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r gitRepo) commit(tags ...string) {
	r.t.Helper()
	r.git("commit", "-q", "--allow-empty", "-m", "tag me: v9.9.9")
	for _, tag := range tags {
		r.git("tag", tag)
	}
}

// tree is what the repository's folder looks like to a build.
func (r gitRepo) tree(folder string) source.Tree {
	return source.Tree{Dir: filepath.Join(r.dir, folder), Revision: r.git("rev-parse", "HEAD")}
}

// version checks what a template makes of the repository.
func (r gitRepo) version(folder, want string) {
	r.t.Helper()
	tree := r.tree(folder)
	state, err := sink.DescribeGit(r.t.Context(), tree)
	if err != nil {
		r.t.Fatal(err)
	}
	want = strings.ReplaceAll(want, "COMMIT", tree.Revision[:12])
	if got := state.Version(); got != want {
		r.t.Errorf("%s, want %s (%+v)", got, want, state)
	}
}

func TestDescribeGit(t *testing.T) {
	r := newGitRepo(t)
	r.commit("nothing", "v1", "v1.2", "1.0.0", "vendor/v8.0.0", "release-v7.0.0")
	r.version("", "v0.0.0-20261123120102-COMMIT")
	r.commit("v1.2.3-rc.1")
	r.version("", "v1.2.3-rc.1")
	r.commit()
	r.version("", "v1.2.3-rc.1.0.20261123120102-COMMIT")
	r.commit("v1.2.3", "v1.2.3-rc.2", "v1.1.9")
	r.version("", "v1.2.3")
	r.commit()
	r.git("tag", "-a", "-m", "annotated", "v1.10.0")
	r.version("", "v1.10.0")
	r.commit()
	r.commit()
	r.version("", "v1.10.1-0.20261123120102-COMMIT")
	state, err := sink.DescribeGit(t.Context(), r.tree(""))
	if err != nil || state.Distance != 2 {
		t.Errorf("%+v, %v", state, err)
	}
	// An older version that was made later is the version where it lies.
	r.commit("v1.2.4")
	r.version("", "v1.2.4")
	// A tag on a line of its own counts for nobody else.
	r.git("checkout", "-q", "-b", "other", "v1.2.3")
	r.git("commit", "-q", "--allow-empty", "-m", "another than the one on main")
	r.version("", "v1.2.4-0.20261123120102-COMMIT")
	dirty := r.tree("")
	dirty.Dirty = true
	if state, err := sink.DescribeGit(t.Context(), dirty); err != nil || !strings.HasSuffix(state.Version(), "-dirty") {
		t.Errorf("%+v, %v", state, err)
	}
}

func TestDescribeGitOfAModuleInAFolder(t *testing.T) {
	r := newGitRepo(t)
	for _, folder := range []string{"services/orders", "services/billing"} {
		if err := os.MkdirAll(filepath.Join(r.dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r.commit("v3.0.0", "services/orders/v1.2.3")
	r.version("services/orders", "v1.2.3")
	r.version("services/billing", "v3.0.0")
	r.version("", "v3.0.0")
}

func TestDescribeGitWantsTheHistory(t *testing.T) {
	r := newGitRepo(t)
	r.commit("v1.2.3")
	r.commit()
	clone := gitRepo{t, filepath.Join(t.TempDir(), "clone")}
	r.git("clone", "-q", "--depth=1", "file://"+r.dir, clone.dir)
	if state, err := sink.DescribeGit(t.Context(), clone.tree("")); err == nil || !strings.Contains(err.Error(), "git fetch --unshallow --tags") {
		t.Errorf("%+v, %v", state, err)
	}
	clone.git("tag", "v5.0.0")
	clone.version("", "v5.0.0")
}

func TestDescribeGitRunsNothingOfTheRepository(t *testing.T) {
	r := newGitRepo(t)
	r.commit("v1.2.3")
	ran := filepath.Join(t.TempDir(), "ran")
	script := filepath.Join(r.dir, "evil")
	if err := os.WriteFile(script, []byte("#!/bin/sh\ntouch "+ran+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, setting := range []string{"core.fsmonitor", "core.pager", "gpg.program", "core.sshCommand", "diff.external"} {
		r.git("config", setting, script)
	}
	r.git("config", "log.showSignature", "true")
	tree := source.Tree{Dir: r.dir, Revision: strings.TrimSpace(readFile(t, filepath.Join(r.dir, ".git/refs/heads/main")))}
	if state, err := sink.DescribeGit(t.Context(), tree); err != nil || state.Version() != "v1.2.3" {
		t.Errorf("%+v, %v", state, err)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("git ran a program that the repository names")
	}
}

func TestDescribeGitOfACommitThatIsNotThere(t *testing.T) {
	r := newGitRepo(t)
	r.commit()
	tree := source.Tree{Dir: r.dir, Revision: strings.Repeat("0", 40)}
	if state, err := sink.DescribeGit(t.Context(), tree); err == nil || !strings.Contains(err.Error(), "git cat-file") {
		t.Errorf("%+v, %v", state, err)
	}
}

func readFile(tb testing.TB, path string) string {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}
