package fingerprint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// pkg is what go list says of a package that goes into a program.
type pkg struct {
	ImportPath, Dir, Name string
	Standard              bool
	Module                *struct{ Path, Dir string }

	GoFiles, CgoFiles, IgnoredGoFiles, HFiles, SFiles, SysoFiles []string
	SwigFiles, SwigCXXFiles, EmbedFiles, EmbedPatterns           []string
}

const listed = "ImportPath,Dir,Name,Standard,Module,GoFiles,CgoFiles,IgnoredGoFiles,HFiles,SFiles,SysoFiles," +
	"SwigFiles,SwigCXXFiles,EmbedFiles,EmbedPatterns"

// compiled returns the files that the go command compiles or assembles.
func (p pkg) compiled() []string { return slices.Concat(p.GoFiles, p.HFiles, p.SFiles, p.SysoFiles) }

// list asks for all packages that go into the programs. Profiles decide nothing
// here, and would only split packages.
func (r Request) list(ctx context.Context) ([]pkg, error) {
	args := []string{"list", "-deps", "-json=" + listed, "-pgo=off", "-buildvcs=false"}
	for _, flag := range r.Flags {
		switch name, _, _ := strings.Cut(strings.TrimLeft(flag, "-"), "="); name {
		case "tags", "mod", "modcacherw", "buildmode", "ldflags":
			args = append(args, flag)
		}
	}
	output, err := r.run(ctx, append(append(args, "--"), r.Packages...), r.Env)
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	return parseList(output)
}

// run runs a go command that ends with ctx.
func (r Request) run(ctx context.Context, args, env []string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = r.Dir, env
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 5 * time.Second
	output, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil, fmt.Errorf("%s: %w", bytes.TrimSpace(exit.Stderr), err)
	}
	return output, err
}

func parseList(output []byte) ([]pkg, error) {
	var packages []pkg
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; {
		var p pkg
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the list of packages: %w", err)
		}
		packages = append(packages, p)
	}
}
