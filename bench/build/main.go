// Command build measures `davit build` against `go build` and ko, side by side in
// one run, and prints the ratios as a table. It installs ko through the Go proxy
// and serves a registry on loopback. Its figures are medians; ratios are of
// rounds that lay next to each other, since machines are noisy.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	rounds := flag.Int("rounds", 5, "rounds of each case")
	cold := flag.Bool("cold", true, "measure with a cold cache, too, which takes minutes")
	only := flag.String("only", "", "measure this service alone, or memory")
	flag.Parse()
	if err := run(ctx, options{rounds: *rounds, cold: *cold, only: *only}); err != nil {
		fmt.Fprintln(os.Stderr, "bench-build:", err)
		os.Exit(1)
	}
}

type options struct {
	rounds int
	cold   bool
	only   string
}

func run(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "davit-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeAll(dir)) }()
	b := &bench{options: o, dir: dir}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	defer b.registry.close()
	all, err := b.services(ctx)
	if err != nil {
		return err
	}
	t := &table{}
	for _, s := range all {
		if o.only != "" && o.only != s.name {
			continue
		}
		if err := b.measure(ctx, s, t); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		t.print(os.Stdout, s.name)
	}
	if o.only == "" || o.only == "memory" {
		if err := b.measureMemory(ctx, t); err != nil {
			return err
		}
		t.print(os.Stdout, "memory")
	}
	return nil
}

// removeAll removes a folder with the module cache's read-only folders in it.
func removeAll(dir string) error {
	_ = filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			_ = os.Chmod(path, 0o755) //nolint:gosec // a folder of our own; what cannot be changed shows when it is removed
		}
		return nil
	})
	return os.RemoveAll(dir)
}
