package ko

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/davit-dev/davit/internal/source"
)

// repository answers what templates ask for as .Git. As in ko, what there is no
// answer to without a repository or a commit is empty; a time is an error, since
// there is none that would be true.
type repository struct {
	ctx context.Context //nolint:containedctx // methods that templates call take none
	dir string
}

var errNoCommit = errors.New("no commit of git is checked out here")

// run runs git so that nothing that the repository's configuration names is
// started, and nothing is written or fetched.
func (r repository) run(args ...string) (string, error) {
	cmd := exec.CommandContext(r.ctx, "git", append([]string{
		"--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "safe.bareRepository=explicit",
	}, args...)...)
	cmd.Dir = r.dir
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "GIT_") && !strings.HasPrefix(variable, "PWD=") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0",
		"GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=", "GIT_NO_REPLACE_OBJECTS=1")
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

// ask returns git's answer, "" when git has none or is not there.
func (r repository) ask(args ...string) (string, error) {
	out, err := r.run(args...)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) || errors.Is(err, exec.ErrNotFound) {
		return "", r.ctx.Err()
	}
	return out, err
}

// FullCommit returns the commit in hexadecimal.
func (r repository) FullCommit() (string, error) {
	return r.ask("rev-parse", "--verify", "--quiet", "--end-of-options", "HEAD^{commit}")
}

// shortLength is how much of a commit ShortCommit has. What git itself shortens
// to grows with what has been fetched.
const shortLength = 7

// ShortCommit returns the first seven digits of the commit.
func (r repository) ShortCommit() (string, error) {
	full, err := r.FullCommit()
	return full[:min(len(full), shortLength)], err
}

// Branch returns the branch, "HEAD" when none is checked out.
func (r repository) Branch() (string, error) {
	return r.ask("rev-parse", "--abbrev-ref", "HEAD")
}

// Tag returns the last tag before or at the commit, "v0.0.0" before the first.
func (r repository) Tag() (string, error) {
	if full, err := r.FullCommit(); full == "" {
		return "", err
	}
	tag, err := r.ask("describe", "--tags", "--abbrev=0", "HEAD")
	if tag == "" && err == nil {
		tag = "v0.0.0"
	}
	return tag, err
}

// CommitDate returns the time of the commit as RFC 3339 in UTC.
func (r repository) CommitDate() (string, error) {
	at, err := r.time()
	return at.Format(time.RFC3339), err
}

// CommitTimestamp returns the time of the commit in seconds since 1970.
func (r repository) CommitTimestamp() (int64, error) {
	at, err := r.time()
	return at.Unix(), err
}

// committer matches the line of a commit that says when it was made
// (git help hash-object; gitformat "commit").
var committer = regexp.MustCompile(`(?m)^committer .*> (-?\d+) [+-]\d+$`)

func (r repository) time() (time.Time, error) {
	commit, err := r.ask("cat-file", "commit", "HEAD")
	if err != nil {
		return time.Time{}, err
	}
	if commit == "" {
		return time.Time{}, errNoCommit
	}
	header, _, _ := strings.Cut(commit, "\n\n")
	match := committer.FindStringSubmatch(header)
	if match == nil {
		return time.Time{}, errors.New("the commit does not say when it was made")
	}
	seconds, err := strconv.ParseInt(match[1], 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the time of the commit: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// IsDirty tells whether the module's files differ from the commit.
func (r repository) IsDirty() (bool, error) {
	tree, err := source.Load(r.ctx, r.dir)
	return tree.Dirty, err
}

// IsClean is the contrary of IsDirty.
func (r repository) IsClean() (bool, error) {
	dirty, err := r.IsDirty()
	return !dirty, err
}

// TreeState returns "clean" or "dirty".
func (r repository) TreeState() (string, error) {
	dirty, err := r.IsDirty()
	if dirty {
		return "dirty", err
	}
	return "clean", err
}
