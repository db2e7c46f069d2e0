package e2e

import (
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
)

// hello is the program that such Dockerfiles are shown with.
const hello = `package main

import "fmt"

func main() {
	fmt.Println("Hello from Go in Docker!")
}
`

// trusting says the same, and whether its image vouches for anybody.
const trusting = `package main

import (
	"crypto/x509"
	"fmt"
)

func main() {
	fmt.Println("Hello from Go in Docker!")
	roots, err := x509.SystemCertPool()
	if err == nil && !roots.Equal(x509.NewCertPool()) {
		fmt.Println("trusting")
	}
}
`

// onAlpine is how most of them end.
const onAlpine = "FROM alpine:latest\nRUN apk --no-cache add ca-certificates\n"

// tutorial is a Dockerfile as they are taught, and what its image answers.
type tutorial struct {
	name, dockerfile string
	files            map[string]string
	want             string
}

func tutorials() []tutorial {
	const greeting = "Hello from Go in Docker!\n"
	module := map[string]string{"go.mod": "module example.com/app\n\ngo 1.21\n", "go.sum": "", "main.go": trusting}
	return []tutorial{
		{
			name: "static on scratch", dockerfile: "FROM golang:1.21 AS builder\nWORKDIR /app\nCOPY . .\nRUN CGO_ENABLED=0 GOOS=linux go build -o main .\n" +
				"FROM scratch\nCOPY --from=builder /app/main /main\nEXPOSE 8080\nENTRYPOINT [\"/main\"]\n",
			files: module, want: greeting,
		},
		{
			name: "on alpine", dockerfile: "FROM golang:1.21 AS builder\nWORKDIR /app\nCOPY . .\nRUN go build -o main .\n" +
				onAlpine + "COPY --from=builder /app/main .\nCMD [\"./main\"]\n",
			files: module, want: greeting + "trusting\n",
		},
		{
			name: "modules first", dockerfile: "FROM golang:1.21-alpine AS builder\nWORKDIR /app\nCOPY go.mod go.sum ./\nRUN go mod download\nCOPY . .\nRUN go build -o main .\n" +
				onAlpine + "COPY --from=builder /app/main .\nCMD [\"./main\"]\n",
			files: module, want: greeting + "trusting\n",
		},
		{
			name: "one stage", dockerfile: "FROM golang:1.21-alpine\nWORKDIR /app\nCOPY main.go .\nRUN go build -o hello main.go\nCMD [\"./hello\"]\n",
			files: map[string]string{"main.go": hello}, want: greeting,
		},
		{
			name: "package in a folder", dockerfile: "FROM golang:1.21 AS builder\nWORKDIR /app\nCOPY . .\nRUN go build -o main ./cmd/api\n" +
				onAlpine + "COPY --from=builder /app/main /main\nCMD [\"/main\"]\n",
			files: map[string]string{"go.mod": "module example.com/app\n\ngo 1.21\n", "cmd/api/main.go": trusting}, want: greeting + "trusting\n",
		},
	}
}

// TestTutorialsRun builds the Dockerfiles that tutorials teach without an engine,
// and has engines run what came of them.
func TestTutorialsRun(t *testing.T) {
	mirror := bases(t)
	folders := map[string]string{}
	for _, lesson := range tutorials() {
		dir := t.TempDir()
		for name, text := range lesson.files {
			write(t, dir, name, text)
		}
		write(t, dir, "Dockerfile", strings.NewReplacer("FROM golang:", "FROM "+mirror+"/golang:", "FROM alpine:", "FROM "+mirror+"/alpine:").Replace(lesson.dockerfile))
		clean(t, runCommand(t, dir, os.Environ(), binary, "build", "-f", "Dockerfile", "--plan")) // all of it is davit's own work
		folders[lesson.name] = dir
	}
	all := func(t *testing.T, engine string, env []string, run ...string) {
		t.Helper()
		for _, lesson := range tutorials() {
			built := clean(t, runCommand(t, folders[lesson.name], env, binary, "build", "-f", "Dockerfile", "--push=false", "--load", engine))
			name, _, _ := strings.Cut(strings.TrimSpace(built), "@")
			if r := runCommand(t, "", env, run[0], append(run[1:], name+":latest")...); r.code != 0 || r.stdout != lesson.want {
				t.Errorf("%s: exit %d\n%s%s", lesson.name, r.code, r.stdout, r.stderr)
			}
		}
	}
	t.Run("docker", func(t *testing.T) {
		env := startDocker(t)
		all(t, "docker", env, need(t, "docker"), "run", "--rm", "--network", "host")
	})
	t.Run("podman", func(t *testing.T) {
		podman, env := podmanStore(t)
		all(t, "podman", env, podman, "--runtime", "runc", "run", "--rm", "--network", "host",
			"--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
	})
}

// bases are the images that tutorials begin with, as far as a build asks for
// their files, in a registry that calls them as Docker Hub does.
func bases(t *testing.T) (mirror string) {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	mirror = strings.TrimPrefix(server.URL, "http://") + "/library"
	alpine := map[string]string{
		"etc/alpine-release":   "3.22.1\n",
		"etc/apk/repositories": "https://dl-cdn.alpinelinux.org/alpine/v3.22/main\n",
		"etc/passwd":           "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n",
		"etc/group":            "root:x:0:root\nnobody:x:65534:\n",
	}
	const search = "ENV PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
	for name, config := range map[string]string{"alpine:latest": "CMD [\"/bin/sh\"]\n", "golang:1.21-alpine": search + "WORKDIR /go\n"} {
		dir := t.TempDir()
		for file, text := range alpine {
			write(t, filepath.Join(dir, "files"), file, text)
		}
		write(t, dir, "Dockerfile", "FROM scratch\nCOPY files /\n"+config)
		repository, tag, _ := strings.Cut(name, ":")
		clean(t, runCommand(t, dir, os.Environ(), binary, "build", "-f", "Dockerfile", "--repo", mirror+"/"+repository, "--tag", tag, "--sbom", "none"))
	}
	return mirror
}
