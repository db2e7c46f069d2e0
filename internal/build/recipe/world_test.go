package recipe_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/davit-dev/davit/internal/build/layer"
	"github.com/davit-dev/davit/internal/build/recipe"
)

// image makes an image of layers; in each line a name, a mode, an owner and a
// text, or a link behind "->". A name that ends in a slash is a folder.
func image(t *testing.T, config v1.Config, layers ...string) v1.Image {
	t.Helper()
	img := empty.Image
	for _, lines := range layers {
		data := archive(t, lines)
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
		if err != nil {
			t.Fatal(err)
		}
		if img, err = mutate.AppendLayers(img, l); err != nil {
			t.Fatal(err)
		}
	}
	img, err := mutate.Config(img, config)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func archive(t *testing.T, lines string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for line := range strings.Lines(lines) {
		fields := strings.SplitN(strings.TrimSpace(line), " ", 4)
		h := &tar.Header{Name: fields[0], Typeflag: tar.TypeReg}
		if _, err := fmt.Sscanf(fields[1]+" "+fields[2], "%o %d:%d", &h.Mode, &h.Uid, &h.Gid); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		text := ""
		if len(fields) > 3 {
			text = strings.ReplaceAll(fields[3], `\n`, "\n")
		}
		if link, found := strings.CutPrefix(text, "-> "); found {
			h.Typeflag, h.Linkname, text = tar.TypeSymlink, link, ""
		} else if strings.HasSuffix(h.Name, "/") {
			h.Typeflag = tar.TypeDir
		}
		h.Size = int64(len(text))
		if err := errors.Join(w.WriteHeader(h), second(w.Write([]byte(text)))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func second(_ int, err error) error { return err }

const alpineFiles = `bin/ 0755 0:0
bin/busybox 0755 0:0 BUSYBOX
bin/sh 0777 0:0 -> /bin/busybox
etc/ 0755 0:0
etc/alpine-release 0644 0:0 3.22.1\n
etc/apk/ 0755 0:0
etc/apk/repositories 0644 0:0 https://dl-cdn.alpinelinux.org/alpine/v3.22/main\n
etc/passwd 0644 0:0 root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n
etc/group 0644 0:0 root:x:0:root\nnogroup:x:65533:\nnobody:x:65534:\n
etc/shadow 0640 0:42 root:*::0:::::\n
home/ 0755 0:0
root/ 0700 0:0
tmp/ 1777 0:0
usr/ 0755 0:0
usr/share/ 0755 0:0
usr/local/ 0755 0:0
usr/local/bin/ 0755 0:0
var/ 0755 0:0
var/run 0777 0:0 -> ../run
run/ 0755 0:0`

// images are the base images of the tests.
func images(t *testing.T) map[string]v1.Image {
	t.Helper()
	const search = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	alpine := image(t, v1.Config{Env: []string{search}, Cmd: []string{"/bin/sh"}}, alpineFiles)
	golang := image(t, v1.Config{
		Env:        []string{"PATH=/go/bin:/usr/local/go/bin:/usr/bin:/bin", "GOPATH=/go", "GOTOOLCHAIN=local"},
		WorkingDir: "/go", Cmd: []string{"bash"},
	}, "bin 0777 0:0 -> usr/bin\nusr/ 0755 0:0\nusr/bin/ 0755 0:0\nusr/bin/sh 0755 0:0 DASH\netc/ 0755 0:0\n"+
		"etc/passwd 0644 0:0 root:x:0:0:root:/root:/bin/bash\\n\netc/group 0644 0:0 root:x:0:\\n",
		"go/ 0755 0:0\ngo/bin/ 1777 0:0\ngo/src/ 1777 0:0\nusr/local/ 0755 0:0\nusr/local/go/ 0755 0:0\nusr/local/go/VERSION 0644 0:0 go1.22.1\\n")
	return map[string]v1.Image{
		"alpine": alpine, "alpine:latest": alpine, "alpine:3.18": alpine, "alpine:3.22": alpine,
		"golang:1.21-alpine": golang, "golang:1.22": golang, "golang:1.21": golang,
		"gcr.io/distroless/static:nonroot": image(t, v1.Config{User: "65532", WorkingDir: "/home/nonroot", Env: []string{search}},
			"etc/ 0755 0:0\netc/passwd 0644 0:0 root:x:0:0:root:/root:/sbin/nologin\\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\\n\n"+
				"etc/group 0644 0:0 root:x:0:\\nnonroot:x:65532:\\n\nhome/ 0755 0:0\nhome/nonroot/ 0700 65532:65532"),
		"nginx:latest": image(t, v1.Config{Env: []string{search}, Cmd: []string{"nginx"}, ExposedPorts: map[string]struct{}{"80/tcp": {}}},
			"bin/ 0755 0:0\nbin/sh 0755 0:0 SH\nusr/ 0755 0:0\nusr/share/ 0755 0:0\nusr/share/nginx/ 0755 0:0\n"+
				"usr/share/nginx/html/ 0755 0:0\nusr/share/nginx/html/index.html 0644 0:0 WELCOME"),
		"onbuild": image(t, v1.Config{OnBuild: []string{"COPY . ."}}, "etc/ 0755 0:0"),
		"tools": image(t, v1.Config{}, "etc/ 0755 0:0\netc/old 0644 0:0 OLD\netc/both 0644 0:0 FIRST\nopt/ 0755 0:0\nopt/a/ 0755 0:0\nopt/a/x 0644 7:8 X\nopt/a/l 0777 0:0 -> x",
			"etc/.wh.old 0644 0:0\netc/both 0644 0:0 SECOND\nopt/a/y 0600 7:8 Y"),
	}
}

// sources are the files of the context that most tests have.
func sources() map[string]string {
	return map[string]string{
		"go.mod":             "module example.com/app\n\ngo 1.21\n",
		"go.sum":             "",
		"main.go":            "package main\n\nvar version = \"dev\"\n\nfunc main() { println(\"hello\", version) }\n",
		"cmd/api/main.go":    "package main\n\nfunc main() { println(\"api\") }\n",
		"cmd/worker/main.go": "package main\n\nfunc main() { println(\"worker\") }\n",
		"pkg/lib/lib.go":     "package lib\n\n// Name is a name.\nconst Name = \"lib\"\n",
		"config/app.yaml":    "a: 1\n",
		"config/deep/x.yaml": "x: 1\n",
		"README.md":          "# app\n",
	}
}

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o664) // what a umask of 002 leaves
		if strings.HasPrefix(text, "#!") {
			mode = 0o775
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func world(t *testing.T) recipe.World {
	t.Helper()
	all := images(t)
	return recipe.World{
		Scratch: t.TempDir(),
		Base: func(_ context.Context, ref, _ string) (v1.Image, error) {
			if img, found := all[ref]; found {
				return img, nil
			}
			return nil, fmt.Errorf("there is no image %s", ref)
		},
		Roots: func() []byte { return []byte("ROOTS\n") },
		Zones: func() ([]layer.Entry, error) {
			return []layer.Entry{
				layer.File("usr/share/zoneinfo/Asia/Shanghai", []byte("SHANGHAI")),
				layer.File("usr/share/zoneinfo/UTC", []byte("UTC")),
			}, nil
		},
	}
}

// list writes the entries of an image as lines: name, mode, owner and content.
// Layers are set apart by dashes.
func list(t *testing.T, layers [][]layer.Entry) string {
	t.Helper()
	var out strings.Builder
	for i, entries := range layers {
		if i > 0 {
			out.WriteString("---\n")
		}
		if !slices.IsSortedFunc(entries, func(a, b layer.Entry) int { return strings.Compare(a.Name, b.Name) }) {
			t.Error("a layer is not sorted")
		}
		for _, e := range entries {
			fmt.Fprintf(&out, "%s %o %d:%d%s\n", e.Name, e.Mode, e.UID, e.GID, content(t, e))
		}
	}
	return out.String()
}

func content(t *testing.T, e layer.Entry) string {
	t.Helper()
	if e.Link != "" {
		return " -> " + e.Link
	}
	if e.Open == nil {
		return ""
	}
	r, err := e.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil || int64(len(data)) != e.Size {
		t.Errorf("%s: %d bytes, %d are announced, %v", e.Name, len(data), e.Size, err)
	}
	if bytes.HasPrefix(data, []byte("\x7fELF")) {
		return " ELF"
	}
	return " " + strings.ReplaceAll(string(data), "\n", `\n`)
}

func build(t *testing.T, dockerfile string, files map[string]string, opts recipe.Options) (recipe.Result, error) {
	t.Helper()
	plan, err := recipe.Parse([]byte(dockerfile), opts)
	if err != nil {
		return recipe.Result{}, err
	}
	return plan.Run(t.Context(), folder(t, files), world(t))
}
