package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// daemon is Docker, or Podman's service, as it is spoken to through Docker's
// Engine API (docs.docker.com/reference/api/engine).
type daemon struct {
	endpoint
	called string // the engine, for messages
}

func openDocker() (store, error) {
	where, err := dockerHost()
	if err != nil {
		return nil, err
	}
	at, err := openEndpoint(where)
	if errors.Is(err, errNoTransport) {
		// The docker command has the keys for what is behind SSH.
		if path, missing := exec.LookPath("docker"); missing == nil {
			return command{path: path, args: []string{"load", "--quiet"}, tag: []string{"tag"}}, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return daemon{at, "Docker"}, nil
}

// openPodman prefers the command: it knows which store 'podman run' uses.
func openPodman() (store, error) {
	path, missing := exec.LookPath("podman")
	if missing == nil {
		return command{path: path, args: []string{"load", "--quiet"}, tag: []string{"tag"}}, nil
	}
	candidates := []string{"unix:///run/podman/podman.sock"}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		candidates = append([]string{"unix://" + dir + "/podman/podman.sock"}, candidates...)
	}
	if host := os.Getenv("CONTAINER_HOST"); host != "" {
		at, err := openEndpoint(host)
		return daemon{at, "Podman"}, err
	}
	for _, candidate := range candidates {
		if _, err := os.Stat(strings.TrimPrefix(candidate, "unix://")); err == nil {
			at, err := openEndpoint(candidate)
			return daemon{at, "Podman"}, err
		}
	}
	return nil, fmt.Errorf("there is neither a command podman nor a service of it (%s); install podman, or name the service in CONTAINER_HOST", strings.Join(candidates, ", "))
}

func (d daemon) architecture(ctx context.Context) (string, error) {
	var version struct{ Arch string }
	if err := d.get(ctx, "/version", &version); err != nil {
		return "", err
	}
	return version.Arch, nil
}

// keepsIndex tells whether Docker's images are in containerd's store.
func (d daemon) keepsIndex(ctx context.Context) (bool, error) {
	var info struct{ DriverStatus [][]string }
	if err := d.get(ctx, "/info", &info); err != nil {
		return false, err
	}
	for _, status := range info.DriverStatus {
		if len(status) == 2 && status[0] == "driver-type" && strings.HasPrefix(status[1], "io.containerd.snapshotter.") {
			return true, nil
		}
	}
	return false, nil
}

func (d daemon) load(ctx context.Context, t tarball) ([]string, error) {
	names := t.names
	t.names = names[:1] // Podman converts an image that comes with several
	from, to := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := buffered(to, func(w io.Writer) error { return t.write(ctx, w) })
		_ = to.CloseWithError(err) // does not fail
		written <- err
	}()
	answer := d.post(ctx, "/images/load?quiet=1", from)
	_ = from.Close() // does not fail
	if err := <-written; err != nil && !hungUp(err) {
		return nil, err
	}
	if answer != nil {
		return nil, answer
	}
	for _, other := range names[1:] {
		repository := strings.TrimSuffix(other, ":"+tagOf(other))
		to := "/images/" + names[0] + "/tag?" + url.Values{"repo": {repository}, "tag": {tagOf(other)}}.Encode()
		if err := d.post(ctx, to, http.NoBody); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func (d daemon) get(ctx context.Context, path string, into any) error {
	answer, err := d.call(ctx, http.MethodGet, path, http.NoBody)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(io.LimitReader(answer.Body, 8<<20)).Decode(into); err != nil {
		return fmt.Errorf("read what %s says of itself: %w", d.called, err)
	}
	return nil
}

// post reads the messages that an answer consists of: the status is 200 before
// anything can go wrong.
func (d daemon) post(ctx context.Context, path string, body io.Reader) error {
	answer, err := d.call(ctx, http.MethodPost, path, body)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	for messages := json.NewDecoder(answer.Body); ; {
		var message struct{ Error string }
		err := messages.Decode(&message)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the answer of %s: %w", d.called, err)
		case message.Error != "":
			return fmt.Errorf("%s says: %s", d.called, message.Error)
		}
	}
}

// call returns the answer to a request that succeeded.
func (d daemon) call(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, d.base+path, body)
	if err != nil {
		return nil, err
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-tar")
	}
	answer, err := d.client.Do(request)
	if err != nil {
		return nil, d.unreachable(err)
	}
	if answer.StatusCode < 300 {
		return answer, nil
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
	var said struct{ Message string }
	if json.Unmarshal(text, &said) != nil || said.Message == "" {
		said.Message = string(bytes.TrimSpace(text))
	}
	return nil, errors.Join(fmt.Errorf("%s says: %s (%s)", d.called, said.Message, answer.Status), err)
}

func (d daemon) unreachable(err error) error {
	advice := ""
	switch {
	case errors.Is(err, fs.ErrPermission):
		advice = "your user may not use it; run as a user of its group, or as root"
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		advice = "it does not run there; start it, or name another in DOCKER_HOST"
	default:
		return fmt.Errorf("%s at %s: %w", d.called, d.where, err)
	}
	return fmt.Errorf("%s at %s: %s: %w", d.called, d.where, advice, err)
}

// hungUp tells whether a write failed because the reader was gone, who then has
// the better reason.
func hungUp(err error) bool {
	return errors.Is(err, io.ErrClosedPipe) || errors.Is(err, syscall.EPIPE) || errors.Is(err, fs.ErrClosed)
}

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

// longestTail is in bytes.
const longestTail = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if extra := len(t.kept) - longestTail; extra > 0 {
		t.kept = t.kept[extra:]
	}
	return len(p), nil
}

func (t *tail) String() string { return string(bytes.TrimSpace(t.kept)) }
