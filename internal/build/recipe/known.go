package recipe

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/build/recipe/tree"
)

// known is the files of a stage as far as a rehearsal knows them: those that were
// copied from the build context. What commands would do to them it does not know.
type known struct {
	placed []placed // the last one counts
}

// reading is an origin that is only looked at.
type reading interface {
	globbing
	Open(ctx context.Context, name string) (io.ReadCloser, error)
}

// placed is a name in the context and where it was copied to.
type placed struct {
	at   string  // an absolute path of the stage
	from reading // nil for a folder that was only made
	name string  // in from
}

func (k *known) clone() *known { return &known{placed: slices.Clone(k.placed)} }

// folder notes a folder that WORKDIR makes.
func (k *known) folder(name string) { k.placed = append(k.placed, placed{at: path.Clean(name)}) }

// put notes what COPY copies. What cannot be found now is left out.
func (k *known) put(ctx context.Context, from reading, source, to string) {
	names, err := glob(ctx, from, source)
	if err != nil {
		return
	}
	for _, name := range names {
		i, err := from.Stat(ctx, name)
		if err != nil {
			continue
		}
		at := to
		if !i.Dir {
			at = k.fileName(ctx, to, path.Base(name))
		}
		k.placed = append(k.placed, placed{at: path.Clean(at), from: from, name: name})
	}
}

// fileName says where a file goes that is copied.
func (k *known) fileName(ctx context.Context, to, base string) string {
	if into, err := k.Stat(ctx, to); strings.HasSuffix(to, "/") || err == nil && into.Dir {
		return path.Join(to, base)
	}
	return to
}

// putText notes a file that stands in the Dockerfile.
func (k *known) putText(ctx context.Context, base, text, to string) {
	k.placed = append(k.placed, placed{at: path.Clean(k.fileName(ctx, to, base)), from: inline(text), name: "/"})
}

// inline is a file that stands in the Dockerfile.
type inline string

// Stat implements reading.
func (t inline) Stat(_ context.Context, name string) (tree.Info, error) {
	if name != "/" {
		return tree.Info{}, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return tree.Info{Mode: 0o644, Size: int64(len(t))}, nil
}

// ReadDir implements reading.
func (inline) ReadDir(_ context.Context, name string) ([]string, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: tree.ErrNotFolder}
}

// Open implements reading.
func (t inline) Open(context.Context, string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(string(t))), nil
}

func (k *known) find(ctx context.Context, name string) (tree.Info, placed, error) {
	name = path.Clean(name)
	for _, p := range slices.Backward(k.placed) {
		rest, inside := strings.CutPrefix(name, strings.TrimSuffix(p.at, "/")+"/")
		switch {
		case p.from == nil && name == p.at:
			return tree.Info{Dir: true, Mode: 0o755}, p, nil
		case p.from == nil || !inside && name != p.at:
			continue
		case name == p.at:
			rest = ""
		}
		p.name = path.Join(p.name, rest)
		if i, err := p.from.Stat(ctx, p.name); err == nil {
			return i, p, nil
		}
	}
	return tree.Info{}, placed{}, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// Stat implements script.Files.
func (k *known) Stat(ctx context.Context, name string) (tree.Info, error) {
	i, _, err := k.find(ctx, name)
	return i, err
}

// Open opens a file.
func (k *known) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	_, p, err := k.find(ctx, name)
	if err != nil || p.from == nil {
		return nil, errors.Join(err, fs.ErrInvalid)
	}
	return p.from.Open(ctx, p.name)
}

// Lstat implements script.Files: links are followed.
func (k *known) Lstat(ctx context.Context, name string) (tree.Info, error) { return k.Stat(ctx, name) }

// ReadDir implements script.Files.
func (k *known) ReadDir(ctx context.Context, name string) ([]string, error) {
	name = strings.TrimSuffix(path.Clean(name), "/")
	var all []string
	found := false
	for _, p := range k.placed {
		if below, inside := strings.CutPrefix(p.at, name+"/"); inside && below != "" {
			first, _, _ := strings.Cut(below, "/")
			all, found = append(all, first), true
			continue
		}
		rest, inside := strings.CutPrefix(name+"/", strings.TrimSuffix(p.at, "/")+"/")
		if !inside {
			continue
		}
		found = true
		if p.from == nil {
			continue
		}
		if names, err := p.from.ReadDir(ctx, path.Join(p.name, rest)); err == nil {
			all = append(all, names...)
		}
	}
	slices.Sort(all)
	if !found {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return slices.Compact(all), nil
}

// mostKnown bounds a file that a rehearsal reads, in bytes.
const mostKnown = 4 << 20

// ReadFile implements script.Files.
func (k *known) ReadFile(ctx context.Context, name string) ([]byte, error) {
	i, p, err := k.find(ctx, name)
	if err != nil {
		return nil, err
	}
	if i.Dir {
		return nil, &fs.PathError{Op: "read", Path: name, Err: tree.ErrIsFolder}
	}
	r, err := p.from.Open(ctx, p.name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, mostKnown))
	return data, errors.Join(err, r.Close())
}
