package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"github.com/davit-dev/davit/internal/source"
)

// DescribeGit tells where the commit of a tree stands among the version tags.
//
// As in Go (go.dev/ref/mod, "Mapping versions to commits"), a version tag is
// vX.Y.Z, with the module's folder in the repository before it:
// services/orders/v1.2.3. Where no tag has the folder, those without one count.
// Of all that lie on the commit, or else on its ancestors, the highest is taken.
func DescribeGit(ctx context.Context, tree source.Tree) (GitState, error) {
	if tree.Revision == "" {
		return GitState{}, errors.New("a version is made from a git commit, and there is none here: commit first, install git, or name the tag")
	}
	state := GitState{Commit: tree.Revision, Dirty: tree.Dirty}
	repo := repository{tree.Dir}
	commit, err := repo.git(ctx, "cat-file", "commit", tree.Revision)
	if err != nil {
		return GitState{}, err
	}
	if state.Time, err = committed(commit); err != nil {
		return GitState{}, err
	}
	folder, err := repo.git(ctx, "rev-parse", "--show-prefix")
	if err != nil {
		return GitState{}, err
	}
	// The names of two objects, of which the second is there for an annotated tag.
	list, err := repo.git(ctx, "for-each-ref", "--merged="+tree.Revision,
		"--format=%(objectname) %(*objectname) %(refname:strip=2)", "refs/tags/")
	if err != nil {
		return GitState{}, err
	}
	found := nearest(parseTags(list), strings.TrimSuffix(string(folder), "\n"), tree.Revision)
	if found.commit == tree.Revision {
		state.Tag = found.version
		return state, nil
	}
	if err := repo.whole(ctx); err != nil {
		return GitState{}, err
	}
	if found.version == "" {
		return state, nil
	}
	state.Tag = found.version
	state.Distance, err = repo.distance(ctx, found.commit, tree.Revision)
	return state, err
}

// versionTag is a tag of git with the version in it.
type versionTag struct {
	commit  string
	prefix  string // "", or a folder with a slash at its end
	version string
}

// parseTags reads lines of COMMIT SP [COMMIT] SP TAG and keeps the versions.
func parseTags(list []byte) []versionTag {
	var tags []versionTag
	for line := range strings.Lines(string(list)) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
		if len(fields) != 3 {
			continue
		}
		commit := fields[0]
		if fields[1] != "" {
			commit = fields[1]
		}
		prefix, version := path.Split(fields[2])
		if semver.IsValid(version) && semver.Canonical(version) == strings.TrimSuffix(version, semver.Build(version)) {
			tags = append(tags, versionTag{commit, prefix, version})
		}
	}
	return tags
}

// nearest returns the tag that a commit's version comes from.
func nearest(tags []versionTag, folder, commit string) versionTag {
	for _, prefix := range []string{folder, ""} {
		var best versionTag
		for _, t := range tags {
			exact, bestExact := t.commit == commit, best.commit == commit
			higher := best.version == "" || semver.Compare(t.version, best.version) > 0
			if t.prefix == prefix && (exact && !bestExact || exact == bestExact && higher) {
				best = t
			}
		}
		if best.version != "" {
			return best
		}
	}
	return versionTag{}
}

// committed returns the committer's time from a commit (git help cat-file):
// committer NAME <ADDRESS> SECONDS ZONE.
func committed(commit []byte) (time.Time, error) {
	header, _, _ := strings.Cut(string(commit), "\n\n")
	for line := range strings.Lines(header) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[0] != "committer" {
			continue
		}
		seconds, err := strconv.ParseInt(fields[len(fields)-2], 10, 64)
		if err != nil {
			break
		}
		return time.Unix(seconds, 0).UTC(), nil
	}
	return time.Time{}, errors.New("read commit: it does not say when it was made")
}

// repository is a git work tree, seen from one folder in it.
type repository struct {
	dir string
}

// git runs a command that only reads, so that neither the repository's
// configuration nor its hooks can start a program, nothing is written and
// nothing is fetched.
func (r repository) git(ctx context.Context, args ...string) ([]byte, error) {
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
	cmd.Env = append(cmd.Env, "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_OPTIONAL_LOCKS=0",
		"GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=",
		"GIT_NO_REPLACE_OBJECTS=1", "GIT_DISCOVERY_ACROSS_FILESYSTEM=1")
	var problem bytes.Buffer
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git %s in %s: %w: %s", args[0], r.dir, err, bytes.TrimSpace(problem.Bytes()))
	}
	return out, nil
}

// whole tells whether the repository has its history. The tags of one that was
// cloned without are not there, and a version made without them is wrong.
func (r repository) whole(ctx context.Context) error {
	out, err := r.git(ctx, "rev-parse", "--is-shallow-repository")
	if err == nil && strings.TrimSpace(string(out)) == "true" {
		err = errors.New("the repository was cloned without its history, so the last version is not known: run 'git fetch --unshallow --tags' (GitHub's checkout: fetch-depth: 0), or name the tag")
	}
	return err
}

func (r repository) distance(ctx context.Context, from, to string) (int, error) {
	out, err := r.git(ctx, "rev-list", "--count", from+".."+to)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		return 0, fmt.Errorf("git rev-list: %w", err)
	}
	return n, nil
}
