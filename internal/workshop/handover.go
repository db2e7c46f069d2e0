package workshop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/davit-dev/davit/internal/build"
	"github.com/davit-dev/davit/internal/build/explain"
	"github.com/davit-dev/davit/internal/build/recipe"
)

// otherBuilder is a program that builds Dockerfiles.
type otherBuilder struct {
	name  string
	there []string // the command that says whether it can be used
	// build makes an archive of the image of a Dockerfile.
	build func(ctx context.Context, b *bench, p v1.Platform, archive string) error
}

func otherBuilders() []otherBuilder {
	return []otherBuilder{
		{"docker", []string{"docker", "version"}, buildWithDocker},
		{"podman", []string{"podman", "version"}, buildWithPodman},
		{"buildctl", []string{"buildctl", "debug", "workers"}, buildWithBuildKit},
	}
}

// handOver has another builder do what davit does not. Without one, the reason is
// the error, with the place in the Dockerfile.
func (b *bench) handOver(ctx context.Context, reason *recipe.Foreign, p v1.Platform) (build.Stage, error) {
	for _, other := range otherBuilders() {
		if run(ctx, b.module.Dir, other.there...) != nil {
			continue
		}
		b.tell(build.Event{Step: build.Handed, Subject: fmt.Sprintf("%s builds it: %v", other.name, reason)})
		return b.buildWith(ctx, other, p)
	}
	return build.Stage{}, &notNativeError{reason}
}

// notNativeError says what cannot be built here, and what to do about it.
type notNativeError struct{ reason *recipe.Foreign }

// Error implements error.
func (e *notNativeError) Error() string { return e.reason.Error() }

// Unwrap returns the instruction.
func (e *notNativeError) Unwrap() error { return e.reason }

// Hint returns the next step.
func (e *notNativeError) Hint() string {
	return e.reason.Hint + "; or start Docker, Podman or BuildKit, which build it as it is"
}

func (b *bench) buildWith(ctx context.Context, other otherBuilder, p v1.Platform) (build.Stage, error) {
	dir, err := os.MkdirTemp("", "davit-handed-")
	if err != nil {
		return build.Stage{}, fmt.Errorf("make a folder for the image: %w", err)
	}
	b.cleanups = append(b.cleanups, func() { _ = os.RemoveAll(dir) }) // layers are read from it until the end
	archive := filepath.Join(dir, "image.tar")
	if err := other.build(ctx, b, p, archive); err != nil {
		return build.Stage{}, fmt.Errorf("%s: %w", other.name, err)
	}
	opened, err := explain.Open(ctx, archive, explain.Options{Platform: &p})
	if err != nil {
		return build.Stage{}, err
	}
	file, err := opened.Image.ConfigFile()
	if err != nil {
		return build.Stage{}, fmt.Errorf("read what %s built: %w", other.name, err)
	}
	return build.Stage{Platform: p, Base: opened.Image, Config: file.Config, Author: file.Author}, nil
}

// arguments are those that docker and podman share.
func (b *bench) arguments(p v1.Platform) []string {
	args := []string{"build", "--platform", p.String(), "-f", b.order.Dockerfile}
	if b.order.Stage != "" {
		args = append(args, "--target", b.order.Stage)
	}
	for _, name := range slices.Sorted(maps.Keys(b.order.Args)) {
		args = append(args, "--build-arg", name+"="+b.order.Args[name])
	}
	return args
}

func buildWithDocker(ctx context.Context, b *bench, p v1.Platform, archive string) error {
	return buildAndSave(ctx, b, p, archive, []string{"docker"}, []string{"docker", "save", "-o", archive})
}

func buildWithPodman(ctx context.Context, b *bench, p v1.Platform, archive string) error {
	return buildAndSave(ctx, b, p, archive, []string{"podman"}, []string{"podman", "save", "--format", "oci-archive", "-o", archive})
}

func buildAndSave(ctx context.Context, b *bench, p v1.Platform, archive string, program, save []string) error {
	id := filepath.Join(filepath.Dir(archive), "id")
	command := slices.Concat(program, b.arguments(p), []string{"--iidfile", id, b.module.Dir})
	if err := run(ctx, b.module.Dir, command...); err != nil {
		return err
	}
	image, err := os.ReadFile(id)
	if err != nil {
		return fmt.Errorf("read which image was built: %w", err)
	}
	return run(ctx, b.module.Dir, append(save, strings.TrimSpace(string(image)))...)
}

func buildWithBuildKit(ctx context.Context, b *bench, p v1.Platform, archive string) error {
	command := []string{
		"buildctl", "build", "--frontend", "dockerfile.v0", "--local", "context=" + b.module.Dir,
		"--local", "dockerfile=" + filepath.Dir(b.order.Dockerfile), "--opt", "filename=" + filepath.Base(b.order.Dockerfile),
		"--opt", "platform=" + p.String(), "--opt", "target=" + b.order.Stage, "--output", "type=oci,dest=" + archive,
	}
	for _, name := range slices.Sorted(maps.Keys(b.order.Args)) {
		command = append(command, "--opt", "build-arg:"+name+"="+b.order.Args[name])
	}
	return run(ctx, b.module.Dir, command...)
}

// run runs a program. The error holds the last that it said.
func run(ctx context.Context, dir string, command ...string) error {
	const most = 2000 // bytes of what it said
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		said := strings.TrimSpace(stderr.String())
		return errors.Join(fmt.Errorf("%s %s: %w", command[0], command[1], err), errors.New(said[max(0, len(said)-most):]))
	}
	return nil
}
