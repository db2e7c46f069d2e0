package recipe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/davit-dev/davit/internal/build/recipe/script"
	"github.com/davit-dev/davit/internal/build/recipe/tree"
)

// origin is where COPY takes files from: the context, a stage or an image.
type origin interface {
	tree.Source
	globbing
}

// globbing is what patterns of names are looked up in.
type globbing interface {
	Stat(ctx context.Context, name string) (tree.Info, error)
	ReadDir(ctx context.Context, name string) ([]string, error)
}

// copying is COPY or ADD.
type copying struct {
	instructions.SourcesAndDest
	from         string
	chown, chmod string
	link, unpack bool
}

func (s *stage) copy(ctx context.Context, c *instructions.CopyCommand) error {
	switch {
	case len(c.ExcludePatterns) > 0:
		return refuse("COPY --exclude is not understood; use .dockerignore")
	case c.Parents:
		return refuse("COPY --parents is not understood")
	}
	if err := s.checkOrigin(c.From); err != nil {
		return err
	}
	return s.copyAll(ctx, copying{SourcesAndDest: c.SourcesAndDest, from: c.From, chown: c.Chown, chmod: c.Chmod, link: c.Link})
}

func (s *stage) add(ctx context.Context, c *instructions.AddCommand) error {
	if c.Checksum != "" || c.KeepGitDir != nil || len(c.ExcludePatterns) > 0 {
		return refuse("ADD with --checksum, --keep-git-dir or --exclude is not understood")
	}
	for _, source := range c.SourcePaths {
		if isRemote(source) {
			return &script.RefusalError{
				Reason: "ADD " + source + " downloads files",
				Hint:   "use a Go module or a file of the repository instead",
			}
		}
	}
	unpack := c.Unpack == nil || *c.Unpack
	return s.copyAll(ctx, copying{SourcesAndDest: c.SourcesAndDest, chown: c.Chown, chmod: c.Chmod, link: c.Link, unpack: unpack})
}

func isRemote(source string) bool {
	for _, scheme := range []string{"http://", "https://", "git://", "ssh://", "git@", "github.com/"} {
		if strings.HasPrefix(source, scheme) {
			return true
		}
	}
	return strings.Contains(source, ".git#") || strings.HasSuffix(source, ".git") && strings.Contains(source, "://")
}

// checkOrigin looks at a --from without fetching anything.
func (s *stage) checkOrigin(from string) error {
	if from == "" {
		return nil
	}
	if i, found := s.file.source(from, s.index); found {
		if s.file.bases[i].foreign != "" {
			return refuse("stage %s is not built natively", from)
		}
		return nil
	}
	if strings.Contains(from, "$") || !imageName(from) {
		return refuse("--from=%s is neither a stage before this one nor an image", from)
	}
	return nil
}

// origin returns what --from means.
func (s *stage) origin(ctx context.Context, from string) (origin, error) {
	if from == "" {
		return s.run.context, nil
	}
	if i, found := s.file.source(from, s.index); found {
		return s.run.stages[i].tree, nil
	}
	return s.run.imageTree(ctx, from, s.base.platform)
}

func (s *stage) copyAll(ctx context.Context, c copying) error {
	change, err := script.ParseMode(c.chmod, -1)
	if err != nil {
		return err
	}
	if c.DestPath == "" {
		return refuse("COPY without a name to copy to")
	}
	if s.tree == nil {
		s.note(ctx, c)
		return nil
	}
	owner, err := s.chown(ctx, c.chown)
	if err != nil {
		return err
	}
	as := func(i tree.Info) tree.Info {
		if mode := change(i); mode >= 0 && i.Link == "" {
			i.Mode = mode
		}
		if c.chown != "" {
			i.Owner = owner
		}
		return i
	}
	from, err := s.origin(ctx, c.from)
	if err != nil {
		return err
	}
	to := s.destination(c.DestPath)
	if c.from == "" {
		s.facts.Copied[s.tree.Now()] = true
	}
	for _, source := range c.SourcePaths {
		if err := s.copySource(ctx, from, placing{source: source, to: to, owner: owner, as: as, unpack: c.unpack}); err != nil {
			return s.explain(c, source, err)
		}
	}
	for _, file := range c.SourceContents {
		name, err := s.fileName(ctx, to, file.Path, owner)
		if err != nil {
			return err
		}
		if err := s.tree.Put(ctx, name, strings.NewReader(file.Data), as(tree.Info{Mode: 0o644})); err != nil {
			return err
		}
	}
	return nil
}

// note keeps what a rehearsal can know of a copy.
func (s *stage) note(ctx context.Context, c copying) {
	for _, file := range c.SourceContents {
		s.known.putText(ctx, file.Path, file.Data, s.destination(c.DestPath))
	}
	var from reading
	if i, found := s.file.source(c.from, s.index); found {
		from = s.file.rehearsed[i].known
	} else if c.from == "" && s.file.context != nil {
		from = s.file.context
	}
	if from == nil {
		return
	}
	for _, source := range c.SourcePaths {
		s.known.put(ctx, from, source, s.destination(c.DestPath))
	}
}

// explain says what may be behind a file that is not there.
func (s *stage) explain(c copying, source string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if c.from == "" {
		if s.run.context.hidden(source) {
			return fmt.Errorf("%s: .dockerignore leaves it out of the build context", source)
		}
		return fmt.Errorf("%s: not found in the build context", source)
	}
	if i, found := s.file.source(c.from, s.index); found && s.run.stages[i].facts.Golang && inGolangImage(strings.TrimPrefix(path.Clean("/"+source), "/")) {
		return refuse("%s is not in stage %s as far as it is known here: does a package bring it?", source, c.from)
	}
	return fmt.Errorf("%s: not found in %s", source, c.from)
}

// chown returns who --chown means. A number without a group is the group too.
func (s *stage) chown(ctx context.Context, who string) (tree.Owner, error) {
	if who == "" {
		return tree.Owner{}, nil
	}
	user, group, _ := strings.Cut(who, ":")
	if _, err := strconv.Atoi(user); err == nil && group == "" {
		group = user
	}
	uid, gid, err := script.Lookup(ctx, s.tree, user, group)
	return tree.Owner{UID: uid, GID: gid}, err
}

// destination returns an absolute path that ends in a slash when it has to be a
// folder.
func (s *stage) destination(name string) string {
	to := s.abs(name)
	if name == "." || strings.HasSuffix(name, "/") || strings.HasSuffix(name, "/.") {
		return strings.TrimSuffix(to, "/") + "/"
	}
	return to
}

// placing is one source on its way.
type placing struct {
	source, to string
	owner      tree.Owner // of folders that are made on the way
	as         func(tree.Info) tree.Info
	unpack     bool
}

func (s *stage) copySource(ctx context.Context, from origin, p placing) error {
	names, err := glob(ctx, from, p.source)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.copyOne(ctx, from, name, p); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) copyOne(ctx context.Context, from origin, name string, p placing) error {
	i, err := from.Stat(ctx, name)
	if err != nil {
		return err
	}
	if i.Dir {
		if err := s.tree.MkdirAll(ctx, p.to, 0o755, p.owner); err != nil {
			return err
		}
		return s.tree.Copy(ctx, from, name, p.to, p.as)
	}
	if p.unpack {
		if done, err := s.unpack(ctx, from, name, p); done || err != nil {
			return err
		}
	}
	target, err := s.fileName(ctx, p.to, path.Base(name), p.owner)
	if err != nil {
		return err
	}
	return s.tree.Copy(ctx, from, name, target, p.as)
}

// fileName says where a file goes, and makes the folders that it goes into.
func (s *stage) fileName(ctx context.Context, to, base string, owner tree.Owner) (string, error) {
	is, err := s.tree.IsDir(ctx, to)
	if err != nil {
		return "", err
	}
	if is || strings.HasSuffix(to, "/") {
		to = path.Join(to, base)
	}
	return to, s.tree.MkdirAll(ctx, path.Dir(to), 0o755, owner)
}

// glob returns the names that a source means. A pattern may mean none.
func glob(ctx context.Context, from globbing, pattern string) ([]string, error) {
	pattern = path.Clean("/" + pattern)
	if !strings.ContainsAny(pattern, `*?[\`) {
		return []string{pattern}, nil
	}
	names := []string{"/"}
	for part := range strings.SplitSeq(pattern[1:], "/") {
		if _, err := path.Match(part, ""); err != nil {
			return nil, fmt.Errorf("%s: %w", pattern, err)
		}
		var next []string
		for _, dir := range names {
			found, err := globIn(ctx, from, dir, part)
			if err != nil {
				return nil, err
			}
			next = append(next, found...)
		}
		names = next
	}
	return names, nil
}

func globIn(ctx context.Context, from globbing, dir, part string) ([]string, error) {
	i, err := from.Stat(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !i.Dir {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	inside, err := from.ReadDir(ctx, dir)
	if err != nil {
		return nil, err
	}
	inside = slices.DeleteFunc(inside, func(name string) bool {
		match, _ := path.Match(part, name) // the pattern was tried before
		return !match
	})
	for i := range inside {
		inside[i] = path.Join(dir, inside[i])
	}
	return inside, nil
}

// imageName tells whether a text can be the name of an image.
func imageName(text string) bool {
	_, err := name.ParseReference(text, name.WeakValidation)
	return err == nil
}
