package prober_test

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/build/prober"
	"github.com/davit-dev/davit/internal/source"
)

func settings(arch string) []string {
	return []string{"GOOS=linux", "GOARCH=" + arch, "GOTOOLCHAIN=local"}
}

// with is the environment of davit's go commands with other variables over it.
func with(variables ...string) func() ([]string, error) {
	return func() ([]string, error) {
		env, err := source.GoEnv()
		return append(env, variables...), err
	}
}

func built(t *testing.T, cache, arch string, variables ...string) string {
	t.Helper()
	path, err := prober.Build(t.Context(), cache, settings(arch), with(variables...))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestProgramsAreSmallAndNeedNoLibrary(t *testing.T) {
	const most = 2_500_000 // bytes
	cache := t.TempDir()
	seen := map[string]bool{}
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		path := built(t, cache, arch)
		f, err := elf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		libraries, err := f.ImportedLibraries()
		if err != nil || len(libraries) > 0 || f.Machine != machine || f.Section(".symtab") != nil {
			t.Errorf("%s: %s, libraries %v, %v", arch, f.Machine, libraries, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if size := len(content(t, path)); size > most {
			t.Errorf("%s: %d bytes, at most %d are wanted", arch, size, most)
		}
		seen[path] = true
	}
	if len(seen) != 2 {
		t.Errorf("two platforms have one file: %v", seen)
	}
}

// TestSameBytesAnywhere: another folder, another user's home, another cache of
// the go command, which is empty.
func TestSameBytesAnywhere(t *testing.T) {
	first := content(t, built(t, t.TempDir(), runtime.GOARCH))
	other := filepath.Join(t.TempDir(), "a folder", strings.Repeat("x", 40))
	variables := []string{"HOME=" + t.TempDir(), "USER=other", "GOCACHE=" + t.TempDir(), "GOMAXPROCS=1", "PWD=/", "TZ=Asia/Shanghai"}
	if second := content(t, built(t, other, runtime.GOARCH, variables...)); !bytes.Equal(first, second) {
		t.Errorf("%d and %d bytes differ", len(first), len(second))
	}
}

func TestNothingIsStartedTwice(t *testing.T) {
	cache := t.TempDir()
	first := built(t, cache, runtime.GOARCH)
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(first, long, long); err != nil {
		t.Fatal(err)
	}
	second, err := prober.Build(t.Context(), cache, settings(runtime.GOARCH), func() ([]string, error) {
		return nil, errors.New("the environment was asked for")
	})
	if second != first || err != nil {
		t.Errorf("got %s, %v; want %s", second, err, first)
	}
	if info, err := os.Stat(first); err != nil || time.Since(info.ModTime()) > time.Minute {
		t.Errorf("it is not marked as in use: %v, %v", info, err)
	}
	broken := with("GOCACHE=off") // with which go builds nothing
	if _, err := prober.Build(t.Context(), t.TempDir(), settings(runtime.GOARCH), broken); err == nil || !strings.Contains(err.Error(), "go build: ") {
		t.Errorf("without a cache: %v", err)
	}
	other, err := prober.Build(t.Context(), cache, append(settings(runtime.GOARCH), "GOFLAGS=-tags=x"), with())
	if err != nil || other == first {
		t.Errorf("other flags have the file %s, %v", other, err)
	}
}

func TestAtOnce(t *testing.T) {
	cache := t.TempDir()
	var paths [4]string
	var errs [4]error
	var all sync.WaitGroup
	for i := range paths {
		all.Go(func() { paths[i], errs[i] = prober.Build(t.Context(), cache, settings(runtime.GOARCH), with()) })
	}
	all.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if path != paths[0] {
			t.Errorf("got %q", paths)
		}
	}
	if left, err := os.ReadDir(cache); err != nil || len(left) != 1 {
		t.Errorf("%v, %v are in the cache", left, err)
	}
}

func TestAnEndedContextLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("no more")
	cancel(why)
	cache := t.TempDir()
	if _, err := prober.Build(ctx, cache, settings(runtime.GOARCH), source.GoEnv); !errors.Is(err, why) {
		t.Errorf("error %v", err)
	}
	if left, err := os.ReadDir(cache); err != nil || len(left) != 0 {
		t.Errorf("%v, %v are in the cache", left, err)
	}
}

// TestWhatIsOldIsRemoved: what a killed build left, and programs of earlier
// toolchains.
func TestWhatIsOldIsRemoved(t *testing.T) {
	cache := t.TempDir()
	old := filepath.Join(cache, "build-1")
	if err := os.MkdirAll(filepath.Join(old, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	past := time.Now().AddDate(0, -2, 0)
	if err := os.Chtimes(old, past, past); err != nil {
		t.Fatal(err)
	}
	path := built(t, cache, runtime.GOARCH)
	if left, err := os.ReadDir(cache); err != nil || len(left) != 1 || left[0].Name() != filepath.Base(path) {
		t.Errorf("%v, %v are in the cache", left, err)
	}
}
