package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/davit-dev/davit/internal/build/base"
	"github.com/davit-dev/davit/internal/build/layer"
	"github.com/davit-dev/davit/internal/registry"
)

// koModule is the peer, at a fixed version.
const koModule = "github.com/google/ko@v0.19.1"

// bench is one run.
type bench struct {
	options
	dir      string
	davit    string // the programs
	ko       string
	goCache  string
	registry *server
	base     string // reference of the base that ko builds on: that of davit
}

// prepare makes the programs and the registry.
func (b *bench) prepare(ctx context.Context) error {
	b.davit, b.ko = filepath.Join(b.dir, "davit"), filepath.Join(b.dir, "ko")
	fmt.Fprintln(os.Stderr, "building davit and ko …")
	if err := command(ctx, "", nil, "go", "build", "-trimpath", "-o", b.davit, "./cmd/davit"); err != nil {
		return err
	}
	if err := command(ctx, "", []string{"GOBIN=" + b.dir, "CGO_ENABLED=0"}, "go", "install", koModule); err != nil {
		return err
	}
	var err error
	if b.goCache, err = output(ctx, "", nil, "go", "env", "GOCACHE"); err != nil {
		return err
	}
	if b.registry, err = serve(filepath.Join(b.dir, "registry")); err != nil {
		return err
	}
	b.base = b.registry.address + "/static:latest"
	return errors.Join(b.logIn(), b.pushBase(ctx))
}

// password is what the registry asks for.
const password = "bench"

// logIn leaves the password where 'docker login' would.
func (b *bench) logIn() error {
	auth := base64.StdEncoding.EncodeToString([]byte("davit:" + password))
	text := fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, b.registry.address, auth)
	return os.WriteFile(filepath.Join(b.dir, "config.json"), []byte(text), 0o600)
}

// pushBase gives ko the base that davit uses, for equal images.
func (b *bench) pushBase(ctx context.Context) error {
	entries, err := base.Static()
	if err != nil {
		return err
	}
	layers := filepath.Join(b.dir, "layers")
	if err := os.MkdirAll(layers, 0o700); err != nil {
		return err
	}
	packed, _, err := layer.Cache{Dir: layers}.Layer(ctx, entries, layer.Gzip)
	if err != nil {
		return err
	}
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64"})
	if err != nil {
		return err
	}
	if image, err = mutate.AppendLayers(image, packed); err != nil {
		return err
	}
	ref, err := name.ParseReference(b.base, name.Insecure)
	if err != nil {
		return err
	}
	return remote.Write(ref, image, remote.WithContext(ctx), remote.WithAuth(&authn.Basic{Username: "davit", Password: password}))
}

// server is a registry on loopback.
type server struct {
	address string
	store   *registry.Store
	http    *http.Server
}

func serve(dir string) (*server, error) {
	store, err := registry.Open(dir, registry.Options{})
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not wait
	if err != nil {
		return nil, err
	}
	s := &server{address: l.Addr().String(), store: store, http: &http.Server{Handler: registry.Handler(store, registry.Auth{Password: password})}} //nolint:gosec // on loopback, for this run
	go func() { _ = s.http.Serve(l) }()                                                                                                             // ends with close
	return s, nil
}

func (s *server) close() {
	_ = s.http.Close() // nobody uses it any more
	_ = s.store.Close()
}

// command runs a program with more environment, and returns what it said when it
// failed.
func command(ctx context.Context, dir string, env []string, program string, args ...string) error {
	_, err := output(ctx, dir, env, program, args...)
	return err
}

func output(ctx context.Context, dir string, env []string, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(stdout.String()), nil
}
