package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/davit-dev/davit/examples"
)

// service is a Go module that is built.
type service struct {
	name  string
	dir   string
	mains []string // packages as ./folders
	edit  string   // file that the changed line is in, its package clause known
	pkg   string
}

// The real services, at fixed versions.
const (
	httpbinModule = "github.com/mccutchen/go-httpbin/v2@v2.26.0"
	podinfoModule = "github.com/stefanprodan/podinfo@v1.8.1-0.20250910200901-e86405a8674e"
)

// services makes the modules that are built, each in a folder of its own.
func (b *bench) services(ctx context.Context) ([]service, error) {
	orders := filepath.Join(b.dir, "orders")
	if err := os.Mkdir(orders, 0o755); err != nil {
		return nil, err
	}
	if err := examples.WriteOrders(orders); err != nil {
		return nil, err
	}
	httpbin, err := b.fetch(ctx, "go-httpbin", httpbinModule)
	if err != nil {
		return nil, err
	}
	podinfo, err := b.fetch(ctx, "podinfo", podinfoModule)
	if err != nil {
		return nil, err
	}
	three, err := b.threeMains()
	if err != nil {
		return nil, err
	}
	return []service{
		{name: "orders", dir: orders, mains: []string{"."}, edit: "zz_bench.go", pkg: "main"},
		{name: "go-httpbin", dir: httpbin, mains: []string{"./cmd/go-httpbin"}, edit: "httpbin/zz_bench.go", pkg: "httpbin"},
		{name: "podinfo", dir: podinfo, mains: []string{"./cmd/podinfo"}, edit: "pkg/api/http/zz_bench.go", pkg: "http"},
		{name: "three mains", dir: three, mains: []string{"./cmd/a", "./cmd/b", "./cmd/c"}, edit: "shared/zz_bench.go", pkg: "shared"},
	}, nil
}

// fetch copies a module out of the module cache, where nothing can be changed.
func (b *bench) fetch(ctx context.Context, name, module string) (string, error) {
	answer, err := output(ctx, b.dir, nil, "go", "mod", "download", "-json", module)
	if err != nil {
		return "", err
	}
	var found struct{ Dir string }
	if err := json.Unmarshal([]byte(answer), &found); err != nil {
		return "", fmt.Errorf("read the answer of go mod download: %w", err)
	}
	dir := filepath.Join(b.dir, name)
	if err := command(ctx, "", nil, "cp", "-r", found.Dir, dir); err != nil {
		return "", err
	}
	return dir, command(ctx, "", nil, "chmod", "-R", "u+w", dir)
}

// threeMains writes a module with three servers that share a package.
func (b *bench) threeMains() (string, error) {
	dir := filepath.Join(b.dir, "three")
	files := map[string]string{
		"go.mod":           "module example.com/three\n\ngo 1.26\n",
		"shared/shared.go": "package shared\n\nimport \"net/http\"\n\n// Serve serves.\nfunc Serve(name string) error { mark(name); return http.ListenAndServe(\"127.0.0.1:0\", nil) }\n",
	}
	for _, name := range []string{"a", "b", "c"} {
		files["cmd/"+name+"/main.go"] = fmt.Sprintf("package main\n\nimport \"example.com/three/shared\"\n\nfunc main() { panic(shared.Serve(%q)) }\n", name)
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// change edits one line, in a way that changes the program.
func (s service) change(n int) error {
	text := fmt.Sprintf(`package %s

import "os"

func init() { mark("") }

func mark(name string) {
	if name == "never" {
		os.Stderr.WriteString("change %d")
	}
}
`, s.pkg, n)
	return os.WriteFile(filepath.Join(s.dir, s.edit), []byte(text), 0o644)
}
