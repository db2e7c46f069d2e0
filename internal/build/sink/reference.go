package sink

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The forms of OCI distribution-spec 1.1, "Pulling manifests", and of a host in
// RFC 3986 as far as registries have one.
var (
	validPath = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	validTag  = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
	validHost = regexp.MustCompile(`^([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?$`)
)

const (
	maxName     = 255 // characters of registry and repository, which is what Docker and registries bear
	usualTag    = "latest"
	hub         = "docker.io"
	hubOfficial = "docker.io/library"
	allowedForm = "allowed: REGISTRY/REPOSITORY[:TAG][@sha256:DIGEST], such as ghcr.io/team/orders:v1"
)

// Reference is what an image is called: [REGISTRY/]REPOSITORY[:TAG][@DIGEST].
// The zero value is none.
type Reference struct {
	host   string // "" for the name of an image on this machine
	path   string // the repository in the registry
	tag    string
	digest string
}

// ParseReference reads a place in a registry. Without a tag, an image that is
// pushed there can be had by its digest alone; with a digest, no other image may
// be pushed.
func ParseReference(text string) (Reference, error) {
	r, err := parse(text)
	if err == nil && r.host == "" {
		err = errors.New("the registry is missing")
	}
	if err == nil && r.host == hub && !strings.Contains(r.path, "/") {
		err = errors.New("the user or organization is missing, as in docker.io/team/orders")
	}
	if err == nil {
		_, err = r.repository()
	}
	if err != nil {
		return Reference{}, fmt.Errorf("%q is not a place for an image: %w (%s)", text, err, allowedForm)
	}
	return r, nil
}

// ParseName reads the name of an image on this machine, which needs no
// registry: "orders", "team/orders:v1" or all that ParseReference reads.
func ParseName(text string) (Reference, error) {
	r, err := parse(text)
	if err != nil {
		return Reference{}, fmt.Errorf("%q is not a name for an image: %w (allowed: [REGISTRY/]REPOSITORY[:TAG], such as orders:v1)", text, err)
	}
	return r, nil
}

func parse(text string) (Reference, error) {
	if strings.Contains(text, "://") {
		return Reference{}, errors.New("a reference has no scheme")
	}
	var r Reference
	rest, digest, pinned := strings.Cut(text, "@")
	if pinned {
		if _, err := v1.NewHash(digest); err != nil {
			return Reference{}, fmt.Errorf("%q is not a digest", digest)
		}
		r.digest = digest
	}
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
		rest, r.tag = rest[:i], rest[i+1:]
		if !validTag.MatchString(r.tag) {
			return Reference{}, badTag(r.tag)
		}
	}
	// What Docker takes for a registry: all that cannot be a folder of its own.
	if host, path, slash := strings.Cut(rest, "/"); slash && (host == "localhost" || strings.ContainsAny(host, ".:")) {
		if !validHost.MatchString(host) {
			return Reference{}, fmt.Errorf("%q is not the address of a registry", host)
		}
		r.host, rest = host, path
	}
	r.path = rest
	switch {
	case rest == "":
		return Reference{}, errors.New("the repository is missing")
	case !validPath.MatchString(rest):
		return Reference{}, fmt.Errorf("%q is not a repository: lower-case letters and digits, separated by '.', '_', '__', '-' or '/'", rest)
	case len(r.host)+1+len(rest) > maxName:
		return Reference{}, fmt.Errorf("it is longer than %d characters", maxName)
	}
	return r, nil
}

func badTag(tag string) error {
	return fmt.Errorf("%q is not a tag: 1 to 128 letters, digits, '_', '.' and '-', not beginning with '.' or '-'", tag)
}

// WithTag returns the same place with another tag.
func (r Reference) WithTag(tag string) (Reference, error) {
	if !validTag.MatchString(tag) {
		return Reference{}, badTag(tag)
	}
	r.tag = tag
	return r, nil
}

// String returns the reference as ParseReference and ParseName read it.
func (r Reference) String() string {
	text := r.Repository()
	if r.tag != "" {
		text += ":" + r.tag
	}
	if r.digest != "" {
		text += "@" + r.digest
	}
	return text
}

// Repository returns the reference without tag and digest.
func (r Reference) Repository() string {
	if r.host == "" {
		return r.path
	}
	return r.host + "/" + r.path
}

// Registry returns the host and port of the registry, "" for a name without one.
func (r Reference) Registry() string { return r.host }

// Tag returns the tag, "" for none.
func (r Reference) Tag() string { return r.tag }

// At returns REGISTRY/REPOSITORY@DIGEST, which no later push can change.
func (r Reference) At(digest string) string { return r.Repository() + "@" + digest }

// full returns the name with a registry and a tag. local is where names without
// a registry belong.
func (r Reference) full(local string) string {
	tag := r.tag
	if tag == "" {
		tag = usualTag
	}
	switch {
	case r.host != "":
		return r.host + "/" + r.path + ":" + tag
	case local == hubOfficial && strings.Contains(r.path, "/"):
		return hub + "/" + r.path + ":" + tag
	}
	return local + "/" + r.path + ":" + tag
}

// repository returns where to push to. A registry on this machine needs no TLS.
func (r Reference) repository() (name.Repository, error) {
	options := []name.Option{name.StrictValidation}
	if isLoopback(r.host) {
		options = append(options, name.Insecure)
	}
	return name.NewRepository(r.Repository(), options...)
}

// isLoopback tells whether a registry is on this machine.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && address.IsLoopback()
}
