package workshop

import (
	"context"
	"fmt"
	"io"

	"github.com/davit-dev/davit/internal/build/ko"
)

// Resolving is what `davit resolve` can be told.
type Resolving struct {
	Order
	Files     []string // files, folders, "-" for In
	Recursive bool     // with the folders below
	In        io.Reader
	Out       io.Writer
}

// Resolve builds the main packages that manifests refer to as ko://IMPORTPATH,
// with one go build, and writes the manifests with the images in their place.
func Resolve(ctx context.Context, r Resolving) error {
	manifests, err := ko.ReadManifests(r.Files, r.Recursive, r.In)
	if err != nil {
		return err
	}
	r.Targets = nil
	seen := map[string]bool{}
	for _, m := range manifests {
		for _, importPath := range m.ImportPaths() {
			if !seen[importPath] {
				seen[importPath] = true
				r.Targets = append(r.Targets, importPath)
			}
		}
	}
	images := map[string]string{}
	if len(r.Targets) > 0 {
		built, err := Build(ctx, r.Order)
		if err != nil {
			return err
		}
		for _, b := range built {
			images[b.Package] = b.References[0]
		}
	}
	return ko.Resolver{Build: func(_ context.Context, importPath string) (string, error) {
		if image, found := images[importPath]; found {
			return image, nil
		}
		return "", fmt.Errorf("%s was not built", importPath)
	}}.Resolve(ctx, r.Out, manifests...)
}
