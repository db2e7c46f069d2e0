package build

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"go.yaml.in/yaml/v3"

	"github.com/davit-dev/davit/internal/build/layer"
)

// The bases that davit makes itself.
const (
	BaseStatic  = "static"  // CA roots, time zones, users, /tmp
	BaseScratch = "scratch" // nothing
)

// Config is the build part of davit.yaml.
type Config struct {
	Main      List              `json:"main,omitempty" yaml:"main"` // folders or import paths; the first is the entrypoint; none: the only main package
	Base      string            `json:"base" yaml:"base"`           // static, scratch, or the reference of an image
	Platforms []string          `json:"platforms,omitempty" yaml:"platforms"`
	Cgo       bool              `json:"cgo,omitempty" yaml:"cgo"`
	Flags     []string          `json:"flags,omitempty" yaml:"flags"` // of go build, each as -name=value
	Tags      []string          `json:"tags,omitempty" yaml:"tags"`
	Ldflags   []string          `json:"ldflags,omitempty" yaml:"ldflags"`
	Env       map[string]string `json:"env,omitempty" yaml:"env"`     // of go build
	Files     map[string]string `json:"files,omitempty" yaml:"files"` // of the tree, to where they are in the image
	Path      string            `json:"path,omitempty" yaml:"path"`   // of the entrypoint in the image; "": /app/NAME

	Args         []string          `json:"args,omitempty" yaml:"args"`
	ImageEnv     map[string]string `json:"imageenv,omitempty" yaml:"imageenv"`
	User         string            `json:"user" yaml:"user"` // UID, UID:GID, nonroot or root
	Workdir      string            `json:"workdir" yaml:"workdir"`
	Expose       []string          `json:"expose,omitempty" yaml:"expose"` // PORT, PORT/tcp or PORT/udp
	StopSignal   string            `json:"stopsignal,omitempty" yaml:"stopsignal"`
	Capabilities []string          `json:"capabilities,omitempty" yaml:"capabilities"` // of the programs' files
	Prober       bool              `json:"prober,omitempty" yaml:"prober"`
	Labels       map[string]string `json:"labels,omitempty" yaml:"labels"`
	Annotations  map[string]string `json:"annotations,omitempty" yaml:"annotations"`
	GitLabels    bool              `json:"gitlabels,omitempty" yaml:"gitlabels"`
	Compression  string            `json:"compression" yaml:"compression"`
	Allow        []string          `json:"allow,omitempty" yaml:"allow"` // what is usually a mistake
}

// List is one text or several.
type List []string

// UnmarshalYAML implements yaml.Unmarshaler.
func (l *List) UnmarshalYAML(node *yaml.Node) error {
	entries := []*yaml.Node{node}
	if node.Kind == yaml.SequenceNode {
		entries = node.Content
	}
	list := make(List, 0, len(entries))
	for _, entry := range entries {
		if entry.Kind != yaml.ScalarNode || entry.Value == "" {
			return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: it is text or a list of texts", entry.Line)}}
		}
		list = append(list, entry.Value)
	}
	*l = list
	return nil
}

// DefaultConfig returns the configuration of a module that says nothing. The
// ports to expose follow run.port, which the caller knows.
func DefaultConfig() Config {
	return Config{Base: BaseStatic, User: "65532", Workdir: "/", Compression: string(layer.Gzip)}
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
	_, err := ParsePlatforms(c.Platforms)
	if err != nil {
		errs = append(errs, err) // it names the key
	}
	if c.Cgo && (c.Base == BaseStatic || c.Base == BaseScratch) {
		check("cgo", fmt.Errorf("%s has no C library; name a base that has one, such as gcr.io/distroless/base-debian12", c.Base))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Files)) {
		check("files."+name, validateFile(name, c.Files[name]))
	}
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
	if c.Path != "" && len(c.Main) > 1 {
		check("path", errors.New("is for one program; several are in /app by their names"))
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
	for key, list := range map[string]map[string]string{"labels": c.Labels, "annotations": c.Annotations} {
		if _, found := list[""]; found {
			errs = append(errs, fmt.Errorf("%s: every one needs a name", key))
		}
	}
	return append(errs, c.validateForm()...)
}

// validateForm is about what decides the form of image and files.
func (c Config) validateForm() []error {
	var errs []error
	if !stopSignal.MatchString(c.StopSignal) {
		errs = append(errs, fmt.Errorf("stopsignal: %q is not a signal (allowed: a name such as SIGTERM, or a number from 1 to 64)", c.StopSignal))
	}
	for i, name := range c.Capabilities {
		if _, err := parseCapability(name); err != nil {
			errs = append(errs, fmt.Errorf("capabilities[%d]: %w", i, err))
		}
	}
	if _, err := layer.ParseCompression(c.Compression); err != nil {
		errs = append(errs, fmt.Errorf("compression: %w", err))
	}
	for i, name := range c.Allow {
		if !slices.Contains(allowances(), name) {
			errs = append(errs, fmt.Errorf("allow[%d]: %q cannot be allowed (it can be: %s)", i, name, strings.Join(allowances(), ", ")))
		}
	}
	return errs
}

var stopSignal = regexp.MustCompile(`^(|SIG[A-Z0-9+-]{1,12}|[1-9]|[1-5][0-9]|6[0-4])$`)

// What is an error of its own, unless build.allow names it.
const (
	allowNoRoots = "no-ca-roots"  // TLS without CA roots in the base
	allowNoZones = "no-timezones" // time.LoadLocation without zones in the base
	allowLowPort = "low-port"     // a port below 1024 for a user who may not open it
)

func allowances() []string { return []string{allowNoRoots, allowNoZones, allowLowPort} }

func validateBase(base string) error {
	if base == BaseStatic || base == BaseScratch {
		return nil
	}
	if _, err := name.ParseReference(base); err != nil || base == "" {
		return fmt.Errorf("%q is neither %s, %s nor the reference of an image, such as gcr.io/distroless/static:nonroot", base, BaseStatic, BaseScratch)
	}
	return nil
}

// validateFile is about a file or folder of the tree and its place in the image.
func validateFile(from, to string) error {
	if !fs.ValidPath(strings.TrimSuffix(from, "/")) || from == "." {
		return fmt.Errorf("%q is not a file or folder of the module, written as ui or ui/dist", from)
	}
	if err := validatePath(to); err != nil {
		return err
	}
	if to == "/" {
		return errors.New("/ is not a place for files; name a folder, such as /ui")
	}
	return nil
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
