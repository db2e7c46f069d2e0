package build_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/davit-dev/davit/internal/build"
)

// programFile finds the only program in a cache.
func programFile(t *testing.T, cache string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(cache, "programs", "*", "bin", "*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("programs %q, %v", found, err)
	}
	return found[0]
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

func TestAnUnchangedProgramIsNotLinkedAgain(t *testing.T) {
	dir, cache := module(t, "hello", t.TempDir()), t.TempDir()
	var steps []build.Step
	b := builder(t, build.DefaultConfig(), build.Options{
		Cache: cache, Progress: func(e build.Event) {
			if e.Step != build.Took && e.Step != build.Changed {
				steps = append(steps, e.Step)
			}
		},
	})
	image := buildIn(t, b, dir)
	path := programFile(t, cache)
	before := inode(t, path)
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte("changed\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	buildIn(t, b, dir)
	if inode(t, path) != before {
		t.Error("the same program was linked again")
	}
	want := []build.Step{build.Compiling, build.Packed, build.Packed, build.Compiling, build.Reused, build.Reused}
	if !slices.Equal(steps, want) {
		t.Errorf("steps %v, want %v", steps, want)
	}
	// What a killed copy leaves: go itself would take it for up to date.
	if err := os.Truncate(path, 1_000_000); err != nil {
		t.Fatal(err)
	}
	if again := buildIn(t, b, dir); again.Digest() != image.Digest() {
		t.Error("a program that was cut got into an image")
	}
}

func TestOtherFlagsHaveAnotherPlace(t *testing.T) {
	dir, cache := module(t, "hello", t.TempDir()), t.TempDir()
	stripped := build.DefaultConfig()
	stripped.Ldflags = []string{"-s", "-w"}
	plain := buildIn(t, builder(t, build.DefaultConfig(), build.Options{Cache: cache}), dir)
	before := inode(t, programFile(t, cache))
	small := buildIn(t, builder(t, stripped, build.Options{Cache: cache}), dir)
	if small.Digest() == plain.Digest() || small.Size() >= plain.Size() {
		t.Errorf("sizes %d and %d", small.Size(), plain.Size())
	}
	again := buildIn(t, builder(t, build.DefaultConfig(), build.Options{Cache: cache}), dir)
	found, _ := filepath.Glob(filepath.Join(cache, "programs", "*", "bin", "*"))
	if again.Digest() != plain.Digest() || len(found) != 2 || inode(t, found[0]) != before && inode(t, found[1]) != before {
		t.Errorf("programs %q", found)
	}
}

func TestCompilerErrorsAreTheCompilers(t *testing.T) {
	_, err := one(t.Context(), builder(t, build.DefaultConfig(), build.Options{}), module(t, "broken", t.TempDir()))
	problem := (*build.CompileError)(nil)
	if !errors.As(err, &problem) {
		t.Fatalf("got %v", err)
	}
	want := "# example.com/broken\n./main.go:4:2: undefined: undefinedName\n./main.go:5:6: declared and not used: unused\n"
	if problem.Output != want {
		t.Errorf("output %q\nwant   %q", problem.Output, want)
	}
	if want := "compile example.com/broken: ./main.go:4:2: undefined: undefinedName"; err.Error() != want {
		t.Errorf("error %q", err)
	}
}

func TestPathsThatTheBaseHasAreRefused(t *testing.T) {
	dir, cache := module(t, "hello", t.TempDir()), t.TempDir()
	for path, want := range map[string]string{
		"/etc/passwd": "is in the image already", "/tmp": "is in the image already", "/etc/passwd/x": "is a file in the image",
	} {
		cfg := build.DefaultConfig()
		cfg.Path = path
		_, err := one(t.Context(), builder(t, cfg, build.Options{Cache: cache}), dir)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestTwoDavitsAtOnce(t *testing.T) {
	dir, cache := module(t, "hello", t.TempDir()), t.TempDir()
	digests := make([]string, 3)
	var group sync.WaitGroup
	for i := range digests {
		b := builder(t, build.DefaultConfig(), build.Options{Cache: cache})
		group.Go(func() {
			image, err := one(t.Context(), b, dir)
			if err != nil {
				t.Error(err)
				return
			}
			digests[i] = image.Digest()
		})
	}
	group.Wait()
	if digests[0] != digests[1] || digests[1] != digests[2] {
		t.Errorf("digests %q", digests)
	}
}

func TestWaitingForAnotherDavitIsToldAndEndsWithTheContext(t *testing.T) {
	dir, cache := module(t, "hello", t.TempDir()), t.TempDir()
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("no longer wanted")
	b := builder(t, build.DefaultConfig(), build.Options{Cache: cache, Progress: func(e build.Event) {
		if e.Step == build.Waiting {
			cancel(stop)
		}
	}})
	buildIn(t, b, dir)
	held, err := os.Open(filepath.Join(filepath.Dir(programFile(t, cache)), "..", "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := unix.Flock(int(held.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
		t.Fatalf("the lock was not given back: %v", err)
	}
	if _, err := one(ctx, b, dir); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

func TestACanceledBuildSaysSo(t *testing.T) {
	dir := module(t, "hello", t.TempDir())
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("enough")
	b := builder(t, build.DefaultConfig(), build.Options{Progress: func(e build.Event) {
		if e.Step == build.Compiling {
			cancel(stop)
		}
	}})
	if _, err := one(ctx, b, dir); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}
