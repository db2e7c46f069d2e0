package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Engine is what runs images on this machine: "docker", "podman", "containerd"
// or "containerd:NAMESPACE". Kubernetes runs what is in the namespace k8s.io.
type Engine string

// The engines.
const (
	Docker     Engine = "docker"
	Podman     Engine = "podman"
	Containerd Engine = "containerd"
)

// ParseEngine reads the name of an engine.
func ParseEngine(text string) (Engine, error) {
	name, namespace, with := strings.Cut(text, ":")
	switch e := Engine(name); {
	case e == Containerd && (!with || validTag.MatchString(namespace)), !with && (e == Docker || e == Podman):
		return Engine(text), nil
	}
	return "", fmt.Errorf("%q is nothing that images are loaded into (allowed: %s, %s, %s, %s:NAMESPACE)", text, Docker, Podman, Containerd, Containerd)
}

// store is where an engine keeps its images.
type store interface {
	// architecture returns what the engine runs, in Go's words.
	architecture(ctx context.Context) (string, error)
	// load takes an image under its names, and returns how to run it.
	load(ctx context.Context, t tarball) ([]string, error)
}

// severalPlatforms is implemented by stores that may keep a whole index.
type severalPlatforms interface {
	keepsIndex(ctx context.Context) (bool, error)
}

// Load puts the image into an engine under the given names, and returns them as
// the engine's "run" takes them. Of an index, only the image for the engine's
// platform is loaded, unless the engine keeps all: Docker with containerd's image
// store does. A name without a registry is Docker's official one, as for 'docker
// build', and localhost's for Podman, as for 'podman build'.
func Load(ctx context.Context, into Engine, img Image, refs []Reference, tell Progress) ([]string, error) {
	if len(refs) == 0 {
		return nil, fmt.Errorf("load into %s: the image has no name", into)
	}
	names, err := load(ctx, into, img, refs, tell)
	if err != nil {
		return nil, fmt.Errorf("load into %s: %w", into, err)
	}
	return names, nil
}

func load(ctx context.Context, into Engine, img Image, refs []Reference, tell Progress) ([]string, error) {
	to, err := into.open()
	if err != nil {
		return nil, err
	}
	if img, err = forStore(ctx, to, img); err != nil {
		return nil, err
	}
	all, err := img.contents()
	if err != nil {
		return nil, err
	}
	local := hubOfficial
	if into == Podman {
		local = "localhost"
	}
	names, err := to.load(ctx, tarball{all, fullNames(refs, local), &meter{total: all.size(), tell: tell}})
	if into == Docker {
		for i, name := range names {
			names[i] = strings.TrimPrefix(strings.TrimPrefix(name, hub+"/"), "library/")
		}
	}
	return names, err
}

// open finds the engine. Podman and containerd are spoken to through their own
// commands, which know their configuration best.
func (e Engine) open() (store, error) {
	switch e {
	case Docker:
		return openDocker()
	case Podman:
		return openPodman()
	default:
		return openContainerd(e)
	}
}

func openContainerd(e Engine) (store, error) {
	namespace := os.Getenv("CONTAINERD_NAMESPACE")
	if _, given, with := strings.Cut(string(e), ":"); with {
		namespace = given
	}
	if namespace == "" {
		namespace = "default"
	}
	if path, err := exec.LookPath("ctr"); err == nil {
		return command{path: path, args: []string{"-n", namespace, "images", "import", "-"}}, nil
	}
	if path, err := exec.LookPath("nerdctl"); err == nil {
		return command{path: path, args: []string{"-n", namespace, "load"}}, nil
	}
	return nil, errors.New("neither ctr nor nerdctl is on this machine; install containerd's command ctr, or write a tarball and import it there")
}

// forStore returns what of an image the store keeps.
func forStore(ctx context.Context, to store, img Image) (Image, error) {
	if img.Index == nil {
		return img, nil
	}
	if all, ok := to.(severalPlatforms); ok {
		if keeps, err := all.keepsIndex(ctx); err != nil || keeps {
			return img, err
		}
	}
	arch, err := to.architecture(ctx)
	if err != nil {
		return Image{}, err
	}
	parts, err := img.parts()
	if err != nil {
		return Image{}, err
	}
	var best *part
	var others []string
	for i, p := range parts {
		switch {
		case p.platform == nil:
		case p.platform.Architecture != arch || p.platform.OS != "linux":
			others = append(others, p.platform.String())
		case best == nil || p.platform.Variant < best.platform.Variant: // the lowest runs everywhere
			best = &parts[i]
		}
	}
	if best == nil {
		return Image{}, fmt.Errorf("it runs linux/%s, the image is for %s", arch, strings.Join(others, ", "))
	}
	return Image{Image: best.image, Origins: img.Origins}, nil
}

// afterwards is how long children of an engine's command may hold its output.
const afterwards = 5 * time.Second

// command is an engine that is given an image by a program of its own.
type command struct {
	path string
	args []string // that read a tarball from standard input
	tag  []string // that give NAME another: "tag", to be followed by both; nil where args take all names
}

func (c command) architecture(context.Context) (string, error) { return runtime.GOARCH, nil }

func (c command) load(ctx context.Context, t tarball) ([]string, error) {
	names := t.names
	if c.tag != nil {
		t.names = names[:1]
	}
	if err := c.run(ctx, c.args, t.write); err != nil {
		return nil, err
	}
	for _, other := range names[len(t.names):] {
		if err := c.run(ctx, append(slices.Clip(c.tag), names[0], other), nil); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// run runs the program with what write writes as its input.
func (c command) run(ctx context.Context, args []string, write func(context.Context, io.Writer) error) error {
	ctx, kill := context.WithCancel(ctx)
	defer kill()
	cmd := exec.CommandContext(ctx, c.path, args...)
	cmd.WaitDelay = afterwards
	said := &tail{}
	cmd.Stdout, cmd.Stderr = said, said
	if write == nil {
		return c.failure(args, said, cmd.Run())
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	written := buffered(stdin, func(w io.Writer) error { return write(ctx, w) })
	if written != nil && !hungUp(written) {
		kill() // or it would take what it has for an image
	}
	_ = stdin.Close() // it may have ended
	ended := c.failure(args, said, cmd.Wait())
	if written != nil && (ended == nil || !hungUp(written)) {
		return written
	}
	return ended
}

func (c command) failure(args []string, said *tail, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w: %s", c.path, strings.Join(args, " "), err, said)
}
