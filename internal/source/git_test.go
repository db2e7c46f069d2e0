package source_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/source"
)

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{
		"-c", "user.name=t", "-c", "user.email=t@example.com",
		"-c", "protocol.file.allow=always", "-c", "commit.gpgsign=false",
	}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// repository commits the service into a repository, in the given folder of it.
func repository(t *testing.T, under string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git on this machine")
	}
	top := t.TempDir()
	dir := filepath.Join(top, under)
	write(t, dir, service())
	write(t, dir, map[string]string{".gitignore": "/out\n"})
	write(t, top, map[string]string{"other/file": "x"})
	git(t, top, "init", "--quiet")
	git(t, top, "add", ".")
	git(t, top, "commit", "--quiet", "-m", "first")
	return dir
}

func TestRevisionAndDirtiness(t *testing.T) {
	for _, under := range []string{"", "services/orders"} {
		dir := repository(t, under)
		clean := load(t, dir)
		if want := git(t, dir, "rev-parse", "HEAD"); clean.Revision != want || clean.Dirty {
			t.Fatalf("in %q: revision %q, dirty %v; want %s, clean", under, clean.Revision, clean.Dirty, want)
		}
		for name, change := range map[string]func() error{
			"changed":    func() error { return os.WriteFile(filepath.Join(dir, "README.md"), []byte("x"), 0o644) },
			"executable": func() error { return os.Chmod(filepath.Join(dir, "README.md"), 0o755) },
			"deleted":    func() error { return os.Remove(filepath.Join(dir, "README.md")) },
			"untracked":  func() error { return os.WriteFile(filepath.Join(dir, "new.go"), []byte("package main\n"), 0o644) },
			"staged": func() error {
				write(t, dir, map[string]string{"staged.md": "x"})
				git(t, dir, "add", "staged.md")
				return nil
			},
			"a folder in place of a file": func() error {
				path := filepath.Join(dir, "README.md")
				_ = os.Remove(path)
				write(t, dir, map[string]string{"README.md/x": "x"})
				return nil
			},
			"a file in place of a folder": func() error {
				_ = os.RemoveAll(filepath.Join(dir, "store"))
				return os.WriteFile(filepath.Join(dir, "store"), nil, 0o644)
			},
		} {
			if err := change(); err != nil {
				t.Fatal(err)
			}
			if tree := load(t, dir); !tree.Dirty || tree.Digest == clean.Digest || tree.Revision != clean.Revision {
				t.Errorf("in %q, %s: dirty %v, same digest %v", under, name, tree.Dirty, tree.Digest == clean.Digest)
			}
			git(t, dir, "reset", "--quiet", "--hard")
			git(t, dir, "clean", "-fdq")
		}
		if tree := load(t, dir); tree.Dirty || tree.Digest != clean.Digest {
			t.Errorf("in %q, cleaned: dirty %v", under, tree.Dirty)
		}
	}
}

func TestOriginIsToldWithoutCredentials(t *testing.T) {
	dir := repository(t, "services/orders")
	before := load(t, dir)
	git(t, dir, "remote", "add", "upstream", "https://example.com/other")
	if got := load(t, dir).Repository; got != "" {
		t.Errorf("without an origin: %q", got)
	}
	git(t, dir, "remote", "add", "origin", "https://alice:secret@example.com/team/shop.git")
	after := load(t, dir)
	if after.Repository != "https://example.com/team/shop.git" {
		t.Errorf("got %q", after.Repository)
	}
	if after.Digest != before.Digest || after.Dirty {
		t.Error("the origin changed the tree")
	}
}

func TestIgnoredFilesDoNotCount(t *testing.T) {
	dir := repository(t, "")
	before := load(t, dir)
	write(t, dir, map[string]string{"out/bin": "x"})
	if after := load(t, dir); after.Dirty || after.Digest != before.Digest {
		t.Errorf("dirty %v, same digest %v", after.Dirty, after.Digest == before.Digest)
	}
}

func TestDigestIsTheSameInACloneAndACopy(t *testing.T) {
	dir := repository(t, "")
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, dir, "clone", "--quiet", ".", clone)
	want := load(t, dir)
	if got := load(t, clone); got.Digest != want.Digest || got.Revision != want.Revision || got.Dirty {
		t.Errorf("clone %+v\nwant  %+v", got, want)
	}
	if err := os.RemoveAll(filepath.Join(clone, ".git")); err != nil {
		t.Fatal(err)
	}
	if got := load(t, clone); got.Digest != want.Digest || got.Revision != "" {
		t.Errorf("without git: digest equal %v, revision %q", got.Digest == want.Digest, got.Revision)
	}
}

func TestBeforeTheFirstCommit(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, service())
	git(t, dir, "init", "--quiet")
	if tree := load(t, dir); tree.Revision != "" || !tree.Dirty {
		t.Errorf("revision %q, dirty %v", tree.Revision, tree.Dirty)
	}
}

// Checkouts that git calls clean though the bytes are not those of the blob.
func TestLineEndsAndLFSAreClean(t *testing.T) {
	dir := repository(t, "")
	data := "large content\r\nwith a line\n"
	pointer := fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%x\nsize %d\n", sha256.Sum256([]byte(data)), len(data))
	write(t, dir, map[string]string{"run.bat": "echo\nexit\n", "model.bin": pointer})
	git(t, dir, "add", ".")
	git(t, dir, "commit", "--quiet", "-m", "second")
	write(t, dir, map[string]string{"run.bat": "echo\r\nexit\r\n", "model.bin": data})
	if tree := load(t, dir); tree.Dirty {
		t.Error("a checkout with CRLF and LFS is dirty")
	}
	write(t, dir, map[string]string{"model.bin": data + "!"})
	if tree := load(t, dir); !tree.Dirty {
		t.Error("a changed LFS file is clean")
	}
}

func TestASubmoduleIsReadAndDoesNotDirty(t *testing.T) {
	library := repository(t, "")
	dir := repository(t, "")
	git(t, dir, "submodule", "--quiet", "add", library, "library")
	git(t, dir, "commit", "--quiet", "-m", "with a library")
	before := load(t, dir)
	if before.Dirty {
		t.Fatal("dirty with a fresh submodule")
	}
	write(t, dir, map[string]string{"library/store/store.go": "package store\n\nconst X = 1\n"})
	if load(t, dir).Digest == before.Digest {
		t.Error("a file of the submodule does not count")
	}
}

func TestAModuleThatTheRepositoryIgnoresIsNotOfIt(t *testing.T) {
	dir := repository(t, "")
	mine := filepath.Join(dir, "out", "mine")
	write(t, mine, service())
	tree := load(t, mine)
	if tree.Revision != "" || tree.Dirty {
		t.Errorf("revision %q, dirty %v", tree.Revision, tree.Dirty)
	}
	if want := func() string { d := t.TempDir(); write(t, d, service()); return load(t, d).Digest }(); tree.Digest != want {
		t.Error("its files are not all in the digest")
	}
}

func TestABrokenRepositoryIsNone(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, service())
	write(t, dir, map[string]string{".git": "gitdir: /not/here\n"})
	if tree := load(t, dir); tree.Revision != "" || tree.Digest == "" {
		t.Errorf("%+v", tree)
	}
}

// A repository may come from anybody. Whatever its configuration, attributes
// and hooks name must not run when davit looks at it.
func TestReliability23AHostileRepositoryExecutesNothing(t *testing.T) {
	dir := repository(t, "")
	marker := filepath.Join(t.TempDir(), "executed")
	evil := filepath.Join(t.TempDir(), "evil")
	script := "#!/bin/sh\necho \"$0 $*\" >> " + marker + "\ncat\n"
	if err := os.WriteFile(evil, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{".gitattributes": "* filter=evil diff=evil\n"})
	git(t, dir, "add", ".")
	git(t, dir, "commit", "--quiet", "-m", "attributes")
	for _, hook := range []string{"post-index-change", "fsmonitor-watchman", "post-checkout"} {
		if err := os.Symlink(evil, filepath.Join(dir, ".git", "hooks", hook)); err != nil {
			t.Fatal(err)
		}
	}
	for key, value := range map[string]string{
		"core.fsmonitor": evil, "core.sshCommand": evil, "core.pager": evil, "core.editor": evil,
		"core.hooksPath": filepath.Dir(evil), "core.gitProxy": evil, "core.alternateRefsCommand": evil,
		"filter.evil.clean": evil, "filter.evil.smudge": evil, "filter.evil.process": evil,
		"diff.evil.textconv": evil, "diff.external": evil, "pager.ls-files": evil, "alias.ls-tree": "!" + evil,
		"gpg.program": evil, "log.showSignature": "true", "credential.helper": evil,
		"remote.origin.url": "ext::" + evil, "remote.origin.promisor": "true", "extensions.partialClone": "origin",
	} {
		git(t, dir, "config", key, value)
	}
	// Content that differs from the index at the same time stamp: what makes
	// 'git status' run clean filters.
	write(t, dir, map[string]string{"README.md": "# 0rders\n"})
	_ = os.Remove(marker) // the commands above may have run some
	tree := load(t, dir)
	if !tree.Dirty || tree.Revision == "" {
		t.Errorf("revision %q, dirty %v", tree.Revision, tree.Dirty)
	}
	if ran, err := os.ReadFile(marker); err == nil {
		t.Errorf("executed:\n%s", ran)
	}
	// The trap works: git's own look at this repository runs it.
	cmd := exec.Command("git", "status", "--porcelain")
	cmd.Dir = dir
	_ = cmd.Run()
	if _, err := os.Stat(marker); err != nil {
		t.Error("the trap is none: git status ran nothing either")
	}
}

// A partial clone fetches what it lacks, by whatever command its configuration
// names. davit does without.
func TestMissingObjectsAreNotFetched(t *testing.T) {
	dir := repository(t, "")
	marker := filepath.Join(t.TempDir(), "executed")
	tree := git(t, dir, "rev-parse", "HEAD:store")
	for key, value := range map[string]string{
		"core.repositoryFormatVersion": "1", "extensions.partialClone": "origin", "remote.origin.promisor": "true",
		"remote.origin.url": "ext::touch " + marker, "protocol.ext.allow": "always",
	} {
		git(t, dir, "config", key, value)
	}
	if err := os.Remove(filepath.Join(dir, ".git", "objects", tree[:2], tree[2:])); err != nil {
		t.Fatal(err)
	}
	if _, err := source.Load(t.Context(), dir); err == nil {
		t.Error("a commit that is not whole was read")
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("the configured command was executed")
	}
	cmd := exec.Command("git", "ls-tree", "-r", "HEAD")
	cmd.Dir = dir
	_ = cmd.Run()
	if _, err := os.Stat(marker); err != nil {
		t.Error("the trap is none: git fetched nothing either")
	}
}

func TestLoadIsCanceled(t *testing.T) {
	dir := repository(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := source.Load(ctx, dir); err == nil {
		t.Error("loaded after cancel")
	}
}
