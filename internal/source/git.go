package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
)

// repository is a git work tree, seen from one folder in it. It is read with
// commands that only list: the clean filters that 'git status' may run belong
// to the tree, and nothing of the tree is executed here.
type repository struct {
	dir string
}

// committed is one file of a commit.
type committed struct {
	mode string // "100644", "100755", "120000", "160000"
	oid  string // object name in hexadecimal
}

// findRepository returns the work tree that dir lies in, and false when there
// is none or no git on this machine.
func findRepository(dir string) (repository, bool) {
	// A repository has a folder .git; a linked work tree or a submodule a file.
	isGit := func(mode fs.FileMode) bool { return mode.IsDir() || mode.IsRegular() }
	if _, found := findAbove(dir, ".git", isGit); !found {
		return repository{}, false
	}
	_, err := exec.LookPath("git")
	return repository{dir: dir}, err == nil
}

// errNoRepository is what git says about a .git that it does not accept, such
// as a work tree whose repository was not copied along.
var errNoRepository = errors.New("not a git repository")

// run runs git so that neither the repository's configuration nor its hooks
// can start a program, nothing is written and nothing is fetched.
func (r repository) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{
		"--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
		"-c", "safe.bareRepository=explicit",
	}, args...)...)
	cmd.Dir = r.dir
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "GIT_") && !strings.HasPrefix(variable, "PWD=") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	// An older git does not know GIT_NO_LAZY_FETCH; without protocols it cannot
	// fetch either.
	cmd.Env = append(cmd.Env, "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_OPTIONAL_LOCKS=0",
		"GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=",
		"GIT_NO_REPLACE_OBJECTS=1", "GIT_DISCOVERY_ACROSS_FILESYSTEM=1")
	out, err := output(cmd)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		if strings.Contains(err.Error(), errNoRepository.Error()) {
			return nil, errNoRepository
		}
		return nil, &Error{Message: fmt.Sprintf("git %s in %s: %v", args[0], r.dir, err), Err: err}
	}
	return out, err
}

// head returns the commit that is checked out, and "" before the first one.
func (r repository) head(ctx context.Context) (string, error) {
	out, err := r.run(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", "HEAD^{commit}")
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 1 {
		return "", nil
	}
	return strings.TrimSpace(string(out)), err
}

// commit returns the files of a commit that lie in the folder, by path in it.
func (r repository) commit(ctx context.Context, revision string) (map[string]committed, error) {
	out, err := r.run(ctx, "ls-tree", "-r", "-z", revision)
	if err != nil {
		return nil, err
	}
	return parseCommit(out)
}

// parseCommit reads the output of 'git ls-tree -r -z':
// MODE SP TYPE SP OBJECT TAB PATH NUL, repeated.
func parseCommit(list []byte) (map[string]committed, error) {
	files := map[string]committed{}
	for record := range bytes.SplitSeq(list, []byte{0}) {
		if len(record) == 0 {
			continue
		}
		info, name, tab := strings.Cut(string(record), "\t")
		fields := strings.Fields(info)
		if !tab || name == "" || len(fields) != 3 {
			return nil, fmt.Errorf("read the list of committed files: %q is not an entry", record)
		}
		files[name] = committed{mode: fields[0], oid: fields[2]}
	}
	return files, nil
}

// files returns the paths in the folder that git tracks or does not ignore. A
// path that ends in a slash, or that is a submodule, is a folder of its own.
func (r repository) files(ctx context.Context) ([]string, error) {
	out, err := r.run(ctx, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return nil, err
	}
	return strings.FieldsFunc(string(out), func(c rune) bool { return c == 0 }), nil
}
