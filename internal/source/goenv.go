package source

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
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
// writes. What shall count stands in davit.yaml. It starts no process. Without Go
// on this machine the error is an *Error that wraps exec.ErrNotFound.
func GoEnv() ([]string, error) {
	if _, err := exec.LookPath("go"); err != nil {
		return nil, &Error{
			Message: "the go command is not on this machine, or not on PATH",
			Hint:    "install Go from https://go.dev/dl and try again",
			Err:     err,
		}
	}
	written, err := writtenSettings()
	if err != nil {
		return nil, err
	}
	env := cleared(os.Environ())
	set := map[string]string{}
	for _, name := range kept() {
		set[name] = cmp.Or(os.Getenv(name), written[name], standard(name))
	}
	if roots := filepath.SplitList(set["GOPATH"]); set["GOMODCACHE"] == "" && len(roots) > 0 {
		set["GOMODCACHE"] = filepath.Join(roots[0], "pkg", "mod")
	}
	for _, name := range kept() {
		if set[name] != "" {
			env = append(env, name+"="+set[name])
		}
	}
	return append(env, "GOENV=off", "GOFLAGS="), nil
}

// writtenSettings reads the file that 'go env -w' writes, as the go command does
// (cmd/go/internal/cfg, readEnvFile): lines NAME=value, others passed over.
func writtenSettings() (map[string]string, error) {
	file := os.Getenv("GOENV")
	if file == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return nil, nil //nolint:nilerr // without a home there is no such file, as for the go command
		}
		file = filepath.Join(dir, "go", "env")
	}
	data, err := os.ReadFile(file)
	if file == "off" || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what 'go env -w' wrote: %w", err)
	}
	settings := map[string]string{}
	for line := range strings.SplitSeq(string(data), "\n") {
		name, value, found := strings.Cut(line, "=")
		if found && name != "" && 'A' <= name[0] && name[0] <= 'Z' {
			settings[name] = value
		}
	}
	return settings, nil
}

// standard returns where the go command keeps things when nothing says so ('go
// help environment'), so that it stays there whatever home it is given.
func standard(name string) string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	switch name {
	case "GOPATH":
		return filepath.Join(home, "go")
	case "GOCACHE":
		if dir, err := os.UserCacheDir(); err == nil {
			return filepath.Join(dir, "go-build")
		}
	}
	return ""
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
	env, err := GoEnv()
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
