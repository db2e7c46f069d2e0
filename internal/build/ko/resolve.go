package ko

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Resolver puts images in place of the references in manifests.
type Resolver struct {
	// Build builds the image of an import path and returns its reference. It is
	// called once for each, from several goroutines.
	Build func(ctx context.Context, importPath string) (string, error)
	Limit int // of builds at the same time; 0: GOMAXPROCS
}

// Resolve builds what the manifests refer to and then writes them, one after the
// other. Nothing is written when anything fails. The error of a build says where
// its import path is referred to first.
func (r Resolver) Resolve(ctx context.Context, w io.Writer, manifests ...Manifest) error {
	images, err := r.build(ctx, manifests)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	for i, m := range manifests {
		data, err := m.Replace(images)
		if err != nil {
			return err
		}
		if i > 0 {
			data = bytes.TrimPrefix(data, []byte("\uFEFF"))
			separate(&out, data)
		}
		out.Write(data)
	}
	if _, err := out.WriteTo(w); err != nil {
		return fmt.Errorf("write the resolved YAML: %w", err)
	}
	return nil
}

func (r Resolver) build(ctx context.Context, manifests []Manifest) (map[string]string, error) {
	images := map[string]string{}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.Limit)
	if r.Limit == 0 {
		group.SetLimit(runtime.GOMAXPROCS(0))
	}
	for _, importPath := range importPaths(manifests) {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			image, err := r.Build(ctx, importPath)
			if err != nil {
				return firstPlace(manifests, importPath).errorf("", "%s%s: %w", Scheme, importPath, err)
			}
			mu.Lock()
			defer mu.Unlock()
			images[importPath] = image
			return nil
		})
	}
	return images, group.Wait()
}

func importPaths(manifests []Manifest) []string {
	var all []string
	for _, m := range manifests {
		for _, importPath := range m.ImportPaths() {
			if !slices.Contains(all, importPath) {
				all = append(all, importPath)
			}
		}
	}
	return all
}

func firstPlace(manifests []Manifest, importPath string) place {
	for _, m := range manifests {
		if at, found := m.first(importPath); found {
			return at
		}
	}
	return place{}
}

// The first line of a stream that is not empty or a comment can begin a document
// by itself, or say something about the one to come.
var (
	beginsDocument = regexp.MustCompile(`^(?:[ \t]*(?:#[^\r\n]*)?\r?\n)*---(?:\s|$)`)
	beginsWith     = regexp.MustCompile(`^(?:[ \t]*(?:#[^\r\n]*)?\r?\n)*%`)
	endsDocument   = regexp.MustCompile(`(?:^|\n)\.\.\.[ \t]*\r?\n$`)
)

// separate ends what is in out, so that next begins a document of its own.
func separate(out *bytes.Buffer, next []byte) {
	if out.Len() > 0 && out.Bytes()[out.Len()-1] != '\n' {
		out.WriteByte('\n')
	}
	switch {
	case beginsDocument.Match(next):
	case !beginsWith.Match(next):
		out.WriteString("---\n")
	case !endsDocument.Match(out.Bytes()):
		out.WriteString("...\n")
	}
}
