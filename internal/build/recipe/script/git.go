package script

import (
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// git understands the few commands that name the revision, of a repository that
// is in the tree.
func git(s *Shell, args []string) (action, error) {
	for len(args) > 0 && args[0] == "--no-pager" {
		args = args[1:]
	}
	if len(args) > 1 && args[0] == "config" && args[1] == "--global" {
		return nil, nil // this machine's settings hold
	}
	if !nameRevision(args) {
		return nil, &RefusalError{
			Reason: "git " + strings.Join(args, " ") + " is not understood",
			Hint:   "git rev-parse [--short] HEAD and git describe --tags --always [--dirty] are; or pass the version as a build argument",
		}
	}
	if !s.Stage.has("git") {
		return func(context.Context) (int, error) { return 127, &usageError{"not found: the image has no git"} }, nil
	}
	if s.rehearsal() {
		s.print("0000000\n")
		return nil, nil
	}
	return func(ctx context.Context) (int, error) { return s.revision(ctx, args) }, nil
}

// revision asks git and prints what it answers.
func (s *Shell) revision(ctx context.Context, args []string) (int, error) {
	work, err := s.repository(ctx, isStatus(args))
	if missing := (*RefusalError)(nil); errors.As(err, &missing) && missing.Reason == s.noRepository().Reason && s.mayLackRepository() {
		return 128, &usageError{"not a git repository"}
	}
	if err == nil && isStatus(args) {
		err = s.onlyContent(ctx, work, args[0])
	}
	if err != nil {
		return 1, err
	}
	printed, err := s.Machine.Git(ctx, work, args...)
	if refusal := (*RefusalError)(nil); errors.As(err, &refusal) || isCancelled(err) {
		return 1, err
	}
	if err != nil {
		return 128, &usageError{err.Error()}
	}
	s.print(printed)
	return 0, nil
}

// onlyContent refuses a look at the files where git would see others than those
// of the tree.
func (s *Shell) onlyContent(ctx context.Context, work, command string) error {
	if s.Tree.Relinked() {
		return refuse("git %s, which looks at files, is not run with links to absolute paths", command)
	}
	return s.noSubmodules(ctx, work)
}

// revisionWords are, by command, the words that a question for the revision is
// made of. None of them starts a program.
func revisionWords() map[string]*regexp.Regexp {
	return map[string]*regexp.Regexp{
		"rev-parse":    regexp.MustCompile(`^(--short(=\d\d?)?|--verify|--abbrev-ref|--is-inside-work-tree|HEAD(\^\{commit\})?)$`),
		"rev-list":     regexp.MustCompile(`^(-1|-n|1|--max-count=1|--count|--abbrev-commit|--tags|--all|HEAD)$`),
		"tag":          regexp.MustCompile(`^(-l|--list|--points-at(=HEAD)?|--contains(=HEAD)?|HEAD)$`),
		"branch":       regexp.MustCompile(`^--show-current$`),
		"symbolic-ref": regexp.MustCompile(`^(--short|-q|HEAD)$`),
		"show":         regexp.MustCompile(`^(-s|--no-patch|--(format|pretty)=(format:|tformat:)?"?(%[Hhst]|%c[dtiI]|[\w .:-])*"?|HEAD)$`),
		"status":       regexp.MustCompile(`^(--porcelain|--short|-s|-uno|--untracked-files=no)$`),
		"diff":         regexp.MustCompile(`^(--quiet|--exit-code|--no-ext-diff|--shortstat|HEAD)$`),
		"describe":     regexp.MustCompile(`^(--tags|--always|--long|--all|--exact-match|--abbrev=\d\d?|--dirty(=[\w.+-]+)?|--(match|exclude)(=[\w.*\[\]+-]+)?|[\w.*-]*\[0-9\][\w.*-]*|v\*|HEAD|[0-9a-f]{7,40})$`),
		"log":          regexp.MustCompile(`^(-1|-n|1|--max-count=1|--(format|pretty)=(format:|tformat:)?"?(%[Hhst]|%c[dtiI]|%ad|[\w .:-])*"?|--date=(short|iso|iso8601|unix|format:[\w%:.-]+)|HEAD)$`),
	}
}

func nameRevision(args []string) bool {
	if len(args) == 0 || len(args) == 1 && args[0] != "describe" {
		return false
	}
	// With a name alone these two write, and diff prints more than a status.
	names := slices.DeleteFunc(slices.Clone(args[1:]), func(arg string) bool { return strings.HasPrefix(arg, "-") })
	if args[0] == "tag" && !strings.HasPrefix(args[1], "-") || args[0] == "symbolic-ref" && len(names) > 1 || args[0] == "diff" && len(names) == len(args)-1 {
		return false
	}
	words, known := revisionWords()[args[0]]
	return known && !slices.ContainsFunc(args[1:], func(arg string) bool { return !words.MatchString(arg) })
}

// repository returns the work tree on this machine. Its settings come with the
// tree, from anybody: with status they could name programs to run.
func (s *Shell) repository(ctx context.Context, status bool) (string, error) {
	for at := s.Dir; ; at = path.Dir(at) {
		host, err := s.Tree.Host(ctx, at)
		if err != nil {
			return "", err
		}
		config, err := os.ReadFile(filepath.Join(host, ".git", "config"))
		switch {
		case err == nil && status && unsafe(string(config)):
			return "", refuse("git, looking at files, with filters or includes in .git/config is not run")
		case err == nil:
			return host, nil
		case at == "/":
			return "", s.noRepository()
		}
	}
}

func (s *Shell) noRepository() *RefusalError {
	return &RefusalError{
		Reason: "there is no repository in " + s.Dir + ": does .dockerignore leave .git out?",
		Hint:   "pass the version as a build argument",
	}
}

// mayLackRepository tells whether the line, or its makefile, says what to do
// without a repository. In others a program without a version is not what is meant.
func (s *Shell) mayLackRepository() bool { return s.tested > 0 || s.makes > 0 }

func isStatus(args []string) bool {
	return slices.Contains([]string{"status", "diff"}, args[0]) ||
		slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "--dirty") })
}

// noSubmodules refuses repositories in the repository: git would look at them
// with their own settings.
func (s *Shell) noSubmodules(ctx context.Context, work string) error {
	files, err := s.Machine.Git(ctx, work, "ls-files", "--stage")
	if err == nil && strings.Contains("\n"+files, "\n160000 ") {
		return refuse("git describe --dirty with submodules is not run")
	}
	return err
}

func unsafe(config string) bool {
	config = strings.ToLower(config)
	for _, word := range []string{"filter", "include", "fsmonitor", "attributesfile", "worktree", "diff", "extensions"} {
		if strings.Contains(config, word) {
			return true
		}
	}
	return false
}
