package recipe_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/build/recipe"
)

const golang = "FROM golang:1.22-alpine\nWORKDIR /app\nCOPY . .\n"

// TestForeign names the first instruction that is not executed here, and why.
func TestForeign(t *testing.T) {
	for dockerfile, want := range map[string]string{
		golang + "RUN make build":                                   "4: the image has no make",
		golang + "RUN mage build":                                   "4: mage runs recipes of the repository",
		golang + "RUN cd x && npm ci\nRUN make":                     "4: npm builds with Node.js",
		golang + "RUN go test ./...":                                "4: go test runs programs of the repository",
		golang + "RUN go generate ./... && go build":                "4: go generate runs programs of the repository",
		golang + "RUN go run ./cmd/gen":                             "4: go run runs programs of the repository",
		golang + "RUN ./build.sh":                                   "4: ./build.sh is a program of the image or the repository",
		golang + "RUN sh build.sh":                                  "4: a shell is understood with -c and a line",
		golang + "RUN go get github.com/x/y":                        "4: go get github.com/x/y chooses a version that may be another one each time",
		golang + "RUN go get -u ./...":                              "4: go get: flag -u may choose other versions each time",
		golang + "RUN go install github.com/x/y@latest":             "4: go install: github.com/x/y@latest is another program each time; name its version",
		golang + "RUN go build -toolexec=./evil .":                  "4: go build: flag -toolexec is not understood",
		golang + "RUN GOFLAGS=-toolexec=./evil go build .":          "4: GOFLAGS: flag -toolexec is not understood",
		golang + "ENV GOFLAGS=-overlay=x\nRUN go build .":           "5: GOFLAGS: flag -overlay is not understood",
		golang + "RUN go env -w GOFLAGS=-exec=x && go build":        "4: GOFLAGS: flag -exec is not understood",
		golang + "RUN go build -ldflags='-s -extld=./evil' .":       `4: go build: -ldflags: "-extld=./evil" is not understood`,
		golang + "RUN go build -ldflags '-linkmode external' .":     "4: go build: -ldflags: -linkmode=external needs a C linker",
		golang + "RUN go build -race .":                             "4: go build: flag -race needs a C compiler",
		golang + "RUN go build -buildmode=plugin .":                 "4: go build: flag -buildmode=plugin makes a program that depends on the C library of the image",
		golang + "RUN GO111MODULE=off go build .":                   "4: GO111MODULE=off: packages outside a module are not built",
		golang + "RUN GOTOOLCHAIN=path go build .":                  "4: GOTOOLCHAIN=path is not a value that is understood",
		golang + `RUN go build -ldflags "-X main.d=$(date -u +%F)"`: "4: date makes another image with each build",
		golang + "RUN X=$(curl example.com) go build":               "4: curl downloads files",
		golang + "RUN go build | tee":                               "4: tee needs 1 names or more",
		golang + "RUN go build &":                                   "4: a command in the background is not understood",
		golang + "RUN while true; do go build; done":                "4: this form of the shell is not understood: WhileClause",
		golang + "RUN f() { go build; }; f":                         "4: this form of the shell is not understood: FuncDecl",
		golang + "RUN if [ -f a ]; then go build; else ./x; fi":     "4: ./x is a program of the image or the repository",
		golang + "RUN case $X in a) true;; b) ./x;; esac":           "4: ./x is a program of the image or the repository",
		golang + "RUN if true; then exit 0; fi; ./x":                "4: ./x is a program of the image or the repository",
		golang + "RUN $CMD build":                                   "4: build is not understood",
		golang + "RUN eval 'go build'":                              "4: eval runs other lines or files",
		golang + "RUN go build <(x)":                                "4: ",
		golang + "RUN mkdir {a,b}":                                  "4: braces with several words are not understood: a POSIX shell knows none",
		golang + "RUN cat ~nobody/x":                                "4: the home folder of another user (~nobody/x) is not understood",
		golang + "RUN git clone https://example.com/x":              "4: git clone https://example.com/x is not understood",
		golang + "RUN X=$(git log -1 --format=%GG) go build":        "4: git log -1 --format=%GG is not understood",
		golang + "RUN upx /app/x":                                   "4: upx changes a program behind the linker",
		golang + "RUN sed -i 's/a.*b/c/e' main.go":                  `4: sed "s/a.*b/c/e" is not understood`,
		golang + "RUN --mount=type=secret,id=x go build":            "4: RUN --mount=type=secret is not understood",
		golang + "RUN --mount=type=ssh go build":                    "4: RUN --mount=type=ssh is not understood",
		golang + "RUN --mount=type=cache,target=/app/x go build":    "4: a cache in /app/x, which no command of Go's uses, is not understood",
		golang + "RUN --security=insecure go build":                 "4: RUN --security=insecure is not understood",
		golang + "RUN <<EOF\n#!/usr/bin/python\nEOF":                "4: a script for /usr/bin/python is not understood",
		golang + "ADD https://example.com/x /":                      "4: ADD https://example.com/x downloads files",
		golang + "ADD git@github.com:x/y.git /":                     "4: ADD git@github.com:x/y.git downloads files",
		golang + "COPY --from=nowhere$X /a /b":                      "4: --from=nowhere$X is neither a stage before this one nor an image",
		golang + "COPY --parents a/b /":                             "4: ",
		golang + "ONBUILD COPY . .":                                 "4: ONBUILD is for images that others build on",
		golang + "SHELL [\"python\", \"-c\"]":                       "4: SHELL [\"python\" \"-c\"] is not understood",
		golang + "EXPOSE http":                                      "4: EXPOSE http is not a port",
		golang + "RUN apk add git":                                  "4: apk add git puts more into the image than ca-certificates and tzdata",
		"FROM alpine\nRUN apk add ca-certificates curl":             "2: apk add curl puts more into the image than ca-certificates and tzdata",
		"FROM alpine\nRUN apk upgrade":                              "2: apk upgrade makes another image each time",
		"FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends ca-certificates jq": "2: apt-get install jq puts more into the image than ca-certificates and tzdata",
		"FROM fedora\nRUN adduser x":                                                       "2: adduser does other things in other systems, and that of this image is not known by its name",
		"FROM alpine\nRUN go build":                                                        "2: this stage does not begin with an official Go image, so which Go is meant is not known",
		"FROM scratch\nRUN true":                                                           "2: scratch has no shell for RUN",
		"FROM gcr.io/distroless/static\nRUN mkdir /x":                                      "2: gcr.io/distroless/static has no shell for RUN",
		"FROM golang:1.9\nRUN go build":                                                    "1: golang:1.9 is not an image of a release of Go with modules for Linux",
		"FROM golang:1.22-windowsservercore":                                               "1: golang:1.22-windowsservercore is not an image of a release of Go with modules for Linux",
		"FROM golang@sha256:" + strings.Repeat("a", 64):                                    "1: the image does not say which Go it has; write golang:VERSION@sha256:…",
		"FROM --platform=windows/amd64 alpine":                                             "1: images for windows are not built",
		"FROM golang:1.12\nWORKDIR /go/src/x\nRUN go build":                                "3: this Go takes no notice of go.mod in /go/src/x, and packages outside a module are not built",
		"FROM golang:1.22 AS a\nRUN make\nFROM a AS b\nFROM scratch\nCOPY --from=b /x /":   "2: make needs the files of the build context, which are not at hand",
		"FROM golang:1.22 AS a\nRUN make\nFROM scratch\nRUN --mount=type=bind,from=0 true": "2: make needs the files of the build context, which are not at hand",
	} {
		plan, err := recipe.Parse([]byte(dockerfile), recipe.Options{})
		if err != nil {
			if !strings.Contains(dockerfile, "--parents") {
				t.Errorf("%q: %v", dockerfile, err)
			}
			continue
		}
		if plan.Native() {
			t.Errorf("%q is said to be native", dockerfile)
			continue
		}
		if got := fmt.Sprintf("%d: %s", plan.Reason.Line, plan.Reason.Reason); !strings.HasPrefix(got, want) {
			t.Errorf("%q: got %q, want %q", dockerfile, got, want)
		}
		if plan.Reason.Hint == "" {
			t.Errorf("%q: no advice", dockerfile)
		}
		if _, err := plan.Run(t.Context(), t.TempDir(), recipe.World{}); !errors.Is(err, plan.Reason) {
			t.Errorf("%q: run says %v", dockerfile, err)
		}
	}
}

// TestNative holds forms that are understood, beside those that TestRun builds.
func TestNative(t *testing.T) {
	for _, dockerfile := range []string{
		"# \xe4\n" + golang + "RUN make\nFROM scratch", // a stage that leads nowhere
		"# syntax=docker/dockerfile:1\n" + golang + "RUN --mount=type=cache,target=/root/.cache/go-build go build",
		"# escape=`\nFROM golang:1.22`\n AS b\nRUN go build",
		"FROM golang:1.22 AS b\nRUN apt-get update && apt-get upgrade -y && apt-get install -y --no-install-recommends git make gcc nodejs && rm -rf /var/lib/apt/lists/*\nFROM scratch\nCOPY --from=b /a /",
		"FROM golang:alpine AS b\nRUN apk update; apk upgrade && apk add --no-cache --virtual .x git=2.1 gcc musl-dev && apk del .x\nFROM scratch",
		"FROM docker.io/library/golang:1.22.3-bookworm@sha256:" + strings.Repeat("a", 64),
		"FROM golang:1.23rc1-alpine3.20",
		golang + "RUN go build -a -installsuffix cgo -v -x -mod=vendor -tags 'netgo osusergo' -gcflags='all=-N -l' -asmflags=all=-trimpath=/app -ldflags '-w -s -extldflags \"-static\" -X main.a=b -X \"main.c=d e\"' -o x ./...",
		golang + "RUN CGO_ENABLED=0 GOFLAGS='-mod=vendor -buildvcs=false' GOPROXY=https://goproxy.cn go install -trimpath example.com/x/cmd/y@v1.2.3",
		golang + "RUN go version && go env && go clean -modcache && go mod verify && which go && date && ls -la && env",
		golang + "RUN set -eux; case \"$TARGETARCH\" in amd64) A=1 ;; arm*|riscv64) A=2 ;; esac; export A; GOARCH=$(go env GOARCH) go build",
		golang + "RUN COMMIT=$(git rev-parse --short HEAD) && go build -ldflags \"-X main.c=$COMMIT -X main.v=`git describe --tags --always --dirty`\"",
		golang + "RUN git config --global url.\"https://x:y@github.com/\".insteadOf https://github.com/",
		golang + "RUN [\"go\", \"build\", \"-o\", \"/x\"]",
		golang + "SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN go build",
		"FROM --platform=$BUILDPLATFORM golang:1.22 AS b\nARG TARGETOS TARGETARCH\nRUN GOOS=$TARGETOS GOARCH=$TARGETARCH go build\nFROM scratch\nCOPY --link --from=0 /x /",
		"FROM alpine\nARG D\nRUN echo \"$(date +%Y)\" > /y",
	} {
		plan, err := recipe.Parse([]byte(dockerfile), recipe.Options{Args: map[string]string{"SOURCE_DATE_EPOCH": "0"}})
		if err != nil || !plan.Native() {
			t.Errorf("%q: %v, %+v", dockerfile, err, plan)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for dockerfile, want := range map[string]string{
		"":                                  "D:1: ",
		"RUN x":                             "D:1: ",
		"FROM alpine\n\nBREW coffee":        "D:3: ",
		"FROM alpine\nENV X=\xe4":           "D:1: the file is not in UTF-8",
		"ARG X\nFROM $X":                    "D:2: FROM $X comes to nothing",
		"FROM --platform=$NONE alpine":      "D:1: ",
		"FROM alpine\nCOPY <<EOF /x\nno en": "D:",
	} {
		if _, err := recipe.Parse([]byte(dockerfile), recipe.Options{Name: "D"}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", dockerfile, err, want)
		}
	}
	_, err := recipe.Parse([]byte("FROM alpine AS a\nFROM alpine"), recipe.Options{Target: "x"})
	if err == nil || !strings.Contains(err.Error(), `no stage "x" (there are: a, stage-1)`) {
		t.Errorf("target: %v", err)
	}
	if _, err := recipe.Parse([]byte("FROM alpine"), recipe.Options{Platform: "amd64"}); err == nil {
		t.Error("a platform without a system is taken")
	}
}

func TestPlanShowsEveryInstruction(t *testing.T) {
	plan, err := recipe.Parse([]byte("FROM node AS web\nRUN npm ci\nFROM golang:1.22 AS build\nRUN go build && \\\n  make\nFROM scratch\nCOPY --from=build /x /\n"), recipe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"stages":[{"name":"build","base":"golang:1.22","native":false,"steps":[{"line":3,"text":"FROM golang:1.22 AS build","native":true},` +
		`{"line":4,"text":"RUN go build \u0026\u0026 make","native":false,"reason":"make needs the files of the build context, which are not at hand"}]},` +
		`{"name":"stage-2","base":"scratch","native":true,"steps":[{"line":6,"text":"FROM scratch","native":true},{"line":7,"text":"COPY --from=build /x /","native":true}]}],` +
		`"reason":{"file":"Dockerfile","line":4,"instruction":"RUN go build \u0026\u0026 make","reason":"make needs the files of the build context, which are not at hand",` +
		`"hint":"let BuildKit, Docker or Podman build it"}}`
	if string(text) != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

// FuzzParse: a plan is the same each time, has a reason exactly when a step of it
// has one, and no Dockerfile makes it panic.
func FuzzParse(f *testing.F) {
	for _, test := range results() {
		f.Add([]byte(test.dockerfile))
	}
	f.Add([]byte(golang + "RUN for i in 1 2; do for j in $i$i; do echo ${j%%1*} >> x; done; done; [ ! -z \"$(cat x)\" -a -d y ] || exit 3"))
	f.Add([]byte(golang + "RUN <<A\nX=$((1+2)) go build -ldflags \"-X 'a=$X'\"\ncat <<B >c\n`pwd`\nB\nA\nRUN printf '%s\\n' a b && chmod -R u=rwX,g+s x"))
	f.Add([]byte("ARG A=$A$A\nFROM ${A:-golang}:${B:+x}1.2\nENV A=$A B=${A#*.}\nRUN useradd -rmu 1 x; adduser -SG x y; install -Dm1 a b; ln -sf; sed -i s,a,b,g c"))
	f.Add([]byte("FROM golang:1.22\nCOPY <<M Makefile\nexport A := $(shell x)\nexport B := $(shell y)\nC != echo $$A$$B | sed s/a/b/ | awk '{print $$1}'\na b: c %.o\n\t-@echo $A $(B) $C $@ > $@\n%: ; $(MAKE) -B $*\nM\nRUN make a A=$A || sh -c 'find . -name x | tr a b'"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, source []byte) {
		opts := recipe.Options{Args: map[string]string{"A": "v"}, Context: dir}
		start := time.Now()
		plan, err := recipe.Parse(source, opts)
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("%q takes %v", source, took)
		}
		again, err2 := recipe.Parse(source, opts)
		if fmt.Sprint(err) != fmt.Sprint(err2) {
			t.Fatalf("%q: %v, and then %v", source, err, err2)
		}
		if err != nil {
			return
		}
		first, err := json.Marshal(plan)
		second, err2 := json.Marshal(again)
		if err != nil || err2 != nil || string(first) != string(second) {
			t.Fatalf("%q: %s, %v\nand then %s, %v", source, first, err, second, err2)
		}
		foreign := false
		for _, stage := range plan.Stages {
			for _, step := range stage.Steps {
				foreign = foreign || !step.Native
				if step.Native != (step.Reason == "") || step.Line < 1 {
					t.Fatalf("%q: %+v", source, step)
				}
			}
		}
		if foreign == plan.Native() {
			t.Fatalf("%q: %s", source, first)
		}
	})
}
