package recipe_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/build/recipe"
	"github.com/davit-dev/davit/internal/build/recipe/script"
)

// settings runs a Dockerfile with a Go that only notes what it is asked for, and
// returns the environment of the command with the given word.
func settings(t *testing.T, dockerfile, word string, opts recipe.Options) []string {
	t.Helper()
	plan, err := recipe.Parse([]byte(dockerfile), opts)
	if err != nil || !plan.Native() {
		t.Fatalf("%v, %+v", err, plan.Reason)
	}
	w := world(t)
	var env []string
	w.Go = func(_ context.Context, c script.GoCommand) (string, error) {
		if slices.Contains(c.Args, word) {
			env = c.Env
		}
		if slices.Contains(c.Args, "GOVERSION") {
			return "go1.24.5\n", nil
		}
		return "", nil
	}
	if _, err := plan.Run(t.Context(), folder(t, sources()), w); err != nil {
		t.Fatal(err)
	}
	return env
}

// The tag of the image says which Go compiles.
func TestToolchain(t *testing.T) {
	for tag, want := range map[string]string{
		"": "", ":latest": "", ":alpine": "", ":1": "", ":1.24": "", ":1.22-alpine": "", ":1.13": "", ":1.12.3": "",
		":1.24.5": "", ":1.24.4": "go1.24.4", ":1.22.1-bookworm": "go1.22.1", ":1.20-alpine3.17": "", ":1.20.14": "go1.20.14",
		":1.25": "go1.25.0", ":1.26rc1": "go1.26rc1", ":1.26.0-alpine": "go1.26.0",
	} {
		env := settings(t, "FROM golang"+tag+" AS b\nWORKDIR /s\nCOPY . .\nRUN go vet\nFROM scratch\nCOPY --from=b /s/go.mod /\n", "vet", recipe.Options{})
		got := ""
		for _, variable := range env {
			got += strings.TrimPrefix(variable, "GOTOOLCHAIN=")
			if !strings.HasPrefix(variable, "GOTOOLCHAIN=") {
				got = strings.TrimSuffix(got, variable)
			}
		}
		if got != want {
			t.Errorf("golang%s: GOTOOLCHAIN=%s, want %s", tag, got, want)
		}
	}
}

// The platform of the stage is the default, the Dockerfile's variables come
// after it, and of those only what is known to be harmless.
func TestGoSettings(t *testing.T) {
	for dockerfile, want := range map[string][]string{
		"FROM golang:1.22 AS b\nENV GOPROXY=https://evil.example CC=./evil GOSUMDB=off\nWORKDIR /s\nCOPY . .\nRUN go vet": {
			"GOOS=linux", "GOARCH=arm", "CGO_ENABLED=0", "GOWORK=off", "GOARM=6",
		},
		"FROM --platform=linux/amd64 golang:1.22 AS b\nARG TARGETARCH TARGETVARIANT\nWORKDIR /s\nCOPY . .\nRUN GOARCH=$TARGETARCH GOARM=${TARGETVARIANT#v} go vet": {
			"GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", "GOWORK=off", "GOARCH=arm", "GOARM=6",
		},
		"FROM golang:1.22 AS b\nENV CGO_ENABLED=0 GOFLAGS=-mod=mod\nWORKDIR /s\nCOPY . .\nRUN go env -w GOAMD64=v3 && go vet": {
			"GOOS=linux", "GOARCH=arm", "CGO_ENABLED=0", "GOWORK=off", "GOARM=6", "GOAMD64=v3", "GOFLAGS=-mod=mod",
		},
	} {
		env := settings(t, dockerfile+"\nFROM scratch\nCOPY --from=b /s/go.mod /\n", "vet", recipe.Options{Platform: "linux/arm/v6"})
		if !slices.Equal(env, want) {
			t.Errorf("%q: got %q, want %q", dockerfile, env, want)
		}
	}
}
