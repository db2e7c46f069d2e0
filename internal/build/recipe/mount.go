package recipe

import (
	"context"
	"errors"
	"io/fs"
	"path"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/davit-dev/davit/internal/build/recipe/tree"
)

// mount copies what RUN --mount=type=bind shows into the tree. It must not hide
// anything, since it is taken away afterwards.
func (s *stage) mount(ctx context.Context, m *instructions.Mount) error {
	from, err := s.origin(ctx, m.From)
	if err != nil {
		return err
	}
	target := s.abs(m.Target)
	i, err := s.tree.Lstat(ctx, target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case !i.Dir:
		return refuse("a bind mount in the place of %s is not understood", target)
	default:
		inside, err := s.tree.ReadDir(ctx, target)
		if err != nil {
			return err
		}
		if len(inside) > 0 {
			return refuse("a bind mount over %s, which is not empty, is not understood", target)
		}
	}
	source := path.Join("/", m.Source)
	if err := s.tree.MkdirAll(ctx, path.Dir(target), 0o755, tree.Owner{}); err != nil {
		return err
	}
	return s.tree.Copy(ctx, from, source, target, func(i tree.Info) tree.Info { return i })
}

// unmount takes away what mount copied, and what was written there.
func (s *stage) unmount(ctx context.Context, m *instructions.Mount) error {
	target := s.abs(m.Target)
	i, err := s.tree.Lstat(ctx, target)
	if err != nil {
		return err
	}
	if err := s.tree.Remove(ctx, target); err != nil || !i.Dir {
		return err
	}
	return s.tree.Mkdir(ctx, target, i.Mode, i.Owner)
}
