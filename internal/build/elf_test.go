package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// goodProgram compiles the smallest program there is.
func goodProgram(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module m\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "build", "-o", "out", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false", "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data, err := os.ReadFile(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestCheckProgram(t *testing.T) {
	good := goodProgram(t)
	at := func(offset int, value ...byte) []byte {
		changed := append([]byte(nil), good...)
		copy(changed[offset:], value)
		return changed
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"good":        {good, ""},
		"arm64":       {at(18, 183, 0), "not for linux/amd64"},
		"object file": {at(16, 1, 0), "cannot be executed"},
		"script":      {[]byte("#!/bin/sh\nexit 0\n"), "not an ELF program"},
		"empty":       {nil, errTruncated.Error()},
		"cut late":    {good[:len(good)-1], errTruncated.Error()},
		"cut early":   {good[:4096], errTruncated.Error()},
		"cut header":  {good[:70], errTruncated.Error()},
	} {
		path := filepath.Join(t.TempDir(), "program")
		if err := os.WriteFile(path, c.data, 0o700); err != nil {
			t.Fatal(err)
		}
		err := check(t, path)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func check(t *testing.T, path string) error {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return checkProgram(f, v1.Platform{OS: "linux", Architecture: "amd64"})
}
