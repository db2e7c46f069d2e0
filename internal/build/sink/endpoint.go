package sink

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// usualDocker is where Docker listens.
const usualDocker = "unix:///var/run/docker.sock"

// endpoint is where a daemon is reached.
type endpoint struct {
	client *http.Client
	base   string // of URLs
	where  string // as the user knows it
}

// errNoTransport is the reason for an endpoint that only the docker command can
// reach.
var errNoTransport = errors.New("it is reached through the docker command, which is not on this machine")

// openEndpoint reads unix:///PATH or tcp://HOST:PORT.
func openEndpoint(where string) (endpoint, error) {
	scheme, address, _ := strings.Cut(where, "://")
	transport := &http.Transport{DisableKeepAlives: true}
	switch scheme {
	case "unix":
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", address)
		}
		return endpoint{&http.Client{Transport: transport}, "http://localhost", where}, nil
	case "tcp", "http", "https":
		secure, err := dockerTLS(scheme)
		if err != nil {
			return endpoint{}, err
		}
		transport.TLSClientConfig = secure
		if secure != nil {
			return endpoint{&http.Client{Transport: transport}, "https://" + address, where}, nil
		}
		return endpoint{&http.Client{Transport: transport}, "http://" + address, where}, nil
	case "ssh", "context":
		return endpoint{}, fmt.Errorf("%s: %w", where, errNoTransport)
	}
	return endpoint{}, fmt.Errorf("%q is not where a daemon is (allowed: unix:///PATH, tcp://HOST:PORT, ssh://HOST)", where)
}

// dockerTLS returns the keys for a daemon, as DOCKER_TLS_VERIFY and
// DOCKER_CERT_PATH say (docs.docker.com/engine/security/protect-access); nil for
// none.
func dockerTLS(scheme string) (*tls.Config, error) {
	if os.Getenv("DOCKER_TLS_VERIFY") == "" && scheme != "https" {
		return nil, nil //nolint:nilnil // nil is no TLS
	}
	dir := os.Getenv("DOCKER_CERT_PATH")
	if dir == "" {
		dir = dockerConfigDir()
	}
	own, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		return nil, fmt.Errorf("read the keys for Docker: %w", err)
	}
	authority, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		return nil, fmt.Errorf("read the keys for Docker: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("read the keys for Docker: %s holds no certificate", filepath.Join(dir, "ca.pem"))
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{own}, RootCAs: roots}, nil
}

// dockerHost returns where the docker command would find its daemon:
// DOCKER_HOST, or the context that DOCKER_CONTEXT or 'docker context use' names.
func dockerHost() (string, error) {
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		return host, nil
	}
	name := os.Getenv("DOCKER_CONTEXT")
	if name == "" {
		var config struct {
			CurrentContext string `json:"currentContext"`
		}
		if err := readJSON(filepath.Join(dockerConfigDir(), "config.json"), &config); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		name = config.CurrentContext
	}
	if name == "" || name == "default" {
		return usualDocker, nil
	}
	return contextHost(name)
}

// contextHost reads a context from where 'docker context create' puts it.
func contextHost(name string) (string, error) {
	var meta struct {
		Endpoints struct {
			Docker struct{ Host string } `json:"docker"`
		}
	}
	id := sha256.Sum256([]byte(name))
	path := filepath.Join(dockerConfigDir(), "contexts", "meta", hex.EncodeToString(id[:]), "meta.json")
	if err := readJSON(path, &meta); err != nil {
		return "", fmt.Errorf("docker context %q: %w", name, err)
	}
	if host := meta.Endpoints.Docker.Host; strings.HasPrefix(host, "unix://") {
		return host, nil
	}
	return "context://" + name, nil // the keys of others lie with the docker command
}

func dockerConfigDir() string {
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ".docker"
	}
	return filepath.Join(home, ".docker")
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
