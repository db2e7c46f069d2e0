package source

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

// kept are the settings of the go command that say where modules, caches and
// toolchains are, not what is made of them. They hold as the user set them,
// whether in the environment or with 'go env -w'.
func kept() []string {
	return []string{
		"GOAUTH", "GOCACHE", "GOCACHEPROG", "GOINSECURE", "GOMODCACHE",
		"GONOPROXY", "GONOSUMDB", "GOPATH", "GOPRIVATE", "GOPROXY", "GOSUMDB",
		"GOTMPDIR", "GOTOOLCHAIN", "GOVCS",
	}
}

// goSetting matches the names that the Go toolchain takes to itself. A name
// with a further underscore, such as GOOGLE_APPLICATION_CREDENTIALS, is not one.
var goSetting = regexp.MustCompile(`^(GO[A-Z0-9]+|CGO_ENABLED|GO_EXTLINK_ENABLED|GCCGO)$`)

// GoEnv returns the environment in which davit runs the go command: the user's
// own, without the settings that change what is built (GOFLAGS, GOAMD64,
// GOEXPERIMENT, GOWORK, CGO_ENABLED …), and without the file that 'go env -w'
// writes. What shall count stands in davit.yaml. Without Go on this machine the
// error is an *Error that wraps exec.ErrNotFound.
func GoEnv(ctx context.Context) ([]string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"env", "-json"}, kept()...)...)
	cmd.Dir = "/" // in no module, so that no toolchain line of a go.mod is followed
	cmd.Env = cleared(os.Environ(), append(kept(), "GOENV")...)
	out, err := output(cmd)
	if errors.Is(err, exec.ErrNotFound) {
		return nil, &Error{
			Message: "the go command is not on this machine, or not on PATH",
			Hint:    "install Go from https://go.dev/dl and try again",
			Err:     err,
		}
	}
	if err != nil {
		return nil, fmt.Errorf("ask go for its settings: %w", err)
	}
	var settings map[string]string
	if err := json.Unmarshal(out, &settings); err != nil {
		return nil, fmt.Errorf("read the settings of go: %w", err)
	}
	env := cleared(os.Environ())
	for _, name := range kept() {
		// A toolchain that GOTOOLCHAIN switched to may be too old to know of it.
		if value := cmp.Or(settings[name], os.Getenv(name)); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return append(env, "GOENV=off", "GOFLAGS="), nil
}

// cleared leaves out what changes the result of a build, except for the names
// in spared. Limits of the Go runtime stay, since they keep a build inside its
// container; so does GOROOT, without which a go command that was moved does not
// find its own files.
func cleared(env []string, spared ...string) []string {
	spared = append(spared, "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOROOT", "GOTRACEBACK")
	return slices.DeleteFunc(env, func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		switch name {
		case "PWD", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE":
			return true // they belong to the folder that davit was called in
		}
		return goSetting.MatchString(name) && !slices.Contains(spared, name)
	})
}

// output runs cmd and returns its standard output. An error of the command
// carries what it wrote to standard error.
func output(cmd *exec.Cmd) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil, fmt.Errorf("%s: %w", strings.TrimSpace(stderr.String()), err)
	}
	return stdout.Bytes(), err
}

// Toolchain returns the version of Go that builds the module in dir, such as
// "go1.26.8": that of the machine, or the one that go.mod asks for.
func Toolchain(ctx context.Context, dir string) (string, error) {
	env, err := GoEnv(ctx)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "env", "GOVERSION")
	cmd.Dir, cmd.Env = dir, env
	out, err := output(cmd)
	if err != nil {
		return "", fmt.Errorf("ask go for its version: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
