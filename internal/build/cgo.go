package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/source"
)

// cgoHint says which package wants cgo, and who imports it, when that may be why
// programs do not compile without it. It is for a message only: where it cannot
// be found out the hint is empty.
func cgoHint(ctx context.Context, tree source.Tree, mains []source.Main, env []string) string {
	args := []string{"list", "-e", "-deps", "-json=ImportPath,Standard,CgoFiles,Imports"}
	for _, main := range mains {
		args = append(args, main.Package)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = tree.Dir, append(slices.Clone(env), "CGO_ENABLED=1")
	output, err := cmd.Output()
	if err != nil {
		return ""
	}
	return parseCgo(strings.NewReader(string(output)))
}

// parseCgo reads what go list printed, dependencies first.
func parseCgo(list io.Reader) string {
	wants := "" // the first package that has cgo
	for decoder := json.NewDecoder(list); ; {
		var pkg struct {
			ImportPath        string
			Standard          bool
			CgoFiles, Imports []string
		}
		if err := decoder.Decode(&pkg); errors.Is(err, io.EOF) || err != nil {
			return ""
		}
		switch {
		case wants == "" && !pkg.Standard && len(pkg.CgoFiles) > 0:
			wants = pkg.ImportPath
		case wants != "" && slices.Contains(pkg.Imports, wants):
			return fmt.Sprintf("%s, imported by %s, needs cgo: use a package in pure Go, or set build.cgo: true "+
				"with a base that has a C library, such as gcr.io/distroless/base-debian12", wants, pkg.ImportPath)
		}
	}
}
