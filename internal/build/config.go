package build

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The bases of this version.
const (
	BaseStatic  = "static"  // CA roots, time zones, users, /tmp
	BaseScratch = "scratch" // nothing
)

// Config is the build part of davit.yaml.
type Config struct {
	Main    string            `json:"main,omitempty" yaml:"main"` // folder or import path; "": the only main package
	Base    string            `json:"base" yaml:"base"`
	Flags   []string          `json:"flags,omitempty" yaml:"flags"` // of go build, each as -name=value
	Tags    []string          `json:"tags,omitempty" yaml:"tags"`
	Ldflags []string          `json:"ldflags,omitempty" yaml:"ldflags"`
	Env     map[string]string `json:"env,omitempty" yaml:"env"`   // of go build
	Path    string            `json:"path,omitempty" yaml:"path"` // of the program in the image; "": /app/NAME

	Args     []string          `json:"args,omitempty" yaml:"args"`
	ImageEnv map[string]string `json:"imageenv,omitempty" yaml:"imageenv"`
	User     string            `json:"user" yaml:"user"` // UID, UID:GID, nonroot or root
	Workdir  string            `json:"workdir" yaml:"workdir"`
	Expose   []string          `json:"expose,omitempty" yaml:"expose"` // PORT, PORT/tcp or PORT/udp
	Labels   map[string]string `json:"labels,omitempty" yaml:"labels"`
}

// DefaultConfig returns the configuration of a module that says nothing. The
// ports to expose follow run.port, which the caller knows.
func DefaultConfig() Config {
	return Config{Base: BaseStatic, User: "65532", Workdir: "/"}
}

// Validate says what cannot be built. The errors begin with the key, so that a
// caller can find its place in the file.
func (c Config) Validate() error {
	var errs []error
	check := func(key string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
	}
	check("base", validateBase(c.Base))
	for i, flag := range c.Flags {
		check(fmt.Sprintf("flags[%d]", i), validateFlag(flag))
	}
	for i, tag := range c.Tags {
		check(fmt.Sprintf("tags[%d]", i), validateTag(tag))
	}
	check("ldflags", validateLdflags(c.Ldflags))
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		check("env."+name, validateBuildEnv(name, c.Env[name]))
	}
	if c.Path != "" {
		check("path", validatePath(c.Path))
		if c.Path == "/" {
			check("path", errors.New("/ is a folder; the program needs a name, such as /app/orders"))
		}
	}
	check("workdir", validatePath(c.Workdir))
	check("user", validateUser(c.User))
	return errors.Join(append(errs, c.validateRuntime()...)...)
}

// validateRuntime is about what only the image's configuration says.
func (c Config) validateRuntime() []error {
	var errs []error
	for i, arg := range c.Args {
		if strings.ContainsRune(arg, 0) {
			errs = append(errs, fmt.Errorf("args[%d]: holds a zero byte", i))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.ImageEnv)) {
		if name == "" || strings.ContainsAny(name, "=\x00 \t\r\n") {
			errs = append(errs, fmt.Errorf("imageenv.%s: is not a name for an environment variable", name))
		}
		if strings.ContainsRune(c.ImageEnv[name], 0) {
			errs = append(errs, fmt.Errorf("imageenv.%s: holds a zero byte", name))
		}
	}
	for i, port := range c.Expose {
		if _, err := parsePort(port); err != nil {
			errs = append(errs, fmt.Errorf("expose[%d]: %w", i, err))
		}
	}
	if _, found := c.Labels[""]; found {
		errs = append(errs, errors.New("labels: a label needs a name"))
	}
	return errs
}

func validateBase(base string) error {
	if base == BaseStatic || base == BaseScratch {
		return nil
	}
	return fmt.Errorf("%q is not supported by this version (allowed: %s, %s)", base, BaseStatic, BaseScratch)
}

// validatePath accepts absolute paths in their shortest form.
func validatePath(p string) error {
	switch {
	case !strings.HasPrefix(p, "/"):
		return fmt.Errorf("%q must begin with /", p)
	case strings.ContainsRune(p, 0):
		return fmt.Errorf("%q holds a zero byte", p)
	case path.Clean(p) != p:
		return fmt.Errorf("%q is not in its shortest form, %q", p, path.Clean(p))
	}
	return nil
}

var numericUser = regexp.MustCompile(`^[0-9]{1,10}(:[0-9]{1,10})?$`)

func validateUser(user string) error {
	if _, err := parseUser(user); err != nil {
		return err
	}
	return nil
}

// parseUser returns the user as the image names it: by number, since a name
// says nothing to who has to decide whether it is root.
func parseUser(user string) (string, error) {
	switch user {
	case "nonroot":
		return "65532", nil
	case "root":
		return "0", nil
	}
	if !numericUser.MatchString(user) {
		return "", fmt.Errorf("%q is not a user of the image (allowed: a number as UID or UID:GID, nonroot, root)", user)
	}
	for id := range strings.SplitSeq(user, ":") {
		if _, err := strconv.ParseUint(id, 10, 31); err != nil {
			return "", fmt.Errorf("%q: %s is above the highest ID, 2147483647", user, id)
		}
	}
	return user, nil
}

// parsePort returns a port as the image's configuration writes it: "8080/tcp".
func parsePort(port string) (string, error) {
	number, protocol, found := strings.Cut(port, "/")
	if !found {
		protocol = "tcp"
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != number || protocol != "tcp" && protocol != "udp" {
		return "", fmt.Errorf("%q is not a port (allowed: 1 to 65535, as 8080, 8080/tcp or 8080/udp)", port)
	}
	return number + "/" + protocol, nil
}
