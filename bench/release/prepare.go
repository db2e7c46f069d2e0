package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// caddyVersion is the peer that go install builds.
const caddyVersion = "github.com/caddyserver/caddy/v2/cmd/caddy@v2.11.9"

type bench struct {
	options
	dir   string
	davit string
	caddy string
	nginx string // empty when it is not installed
}

// prepare builds davit and Caddy.
func (b *bench) prepare(ctx context.Context) error {
	b.davit, b.caddy = filepath.Join(b.dir, "davit"), filepath.Join(b.dir, "caddy")
	if err := command(ctx, "", nil, "go", "build", "-trimpath", "-o", b.davit, "./cmd/davit"); err != nil {
		return err
	}
	if b.only != "" && b.only != "proxies" {
		return nil
	}
	b.nginx, _ = exec.LookPath("nginx") // absent: its rows are left out, and it is said
	if b.nginx == "" {
		fmt.Fprintln(os.Stderr, "bench-release: nginx is not on PATH; apt-get install nginx-light for its rows")
	}
	return command(ctx, "", []string{"GOBIN=" + b.dir}, "go", "install", caddyVersion)
}

// command runs a program to its end.
func command(ctx context.Context, dir string, env []string, name string, args ...string) error {
	_, err := output(ctx, dir, env, name, args...)
	return err
}

func output(ctx context.Context, dir string, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, stderr.String())
	}
	return out, nil
}
