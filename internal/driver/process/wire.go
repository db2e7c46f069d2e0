package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/davit-dev/davit/internal/driver"
)

// errNoShim says that no shim listens for an instance.
var errNoShim = errors.New("no shim")

// overSocket calls fn with a short path to an instance's socket: what sockets
// can be called is limited to 107 bytes (unix(7)), what folders can be is not.
func overSocket(dir string, fn func(path string) error) error {
	folder, err := os.Open(dir)
	if err != nil {
		return errors.Join(errNoShim, err)
	}
	defer folder.Close()
	return fn(fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), socketName))
}

// call makes one request to an instance's shim and decodes the answer.
func call(ctx context.Context, dir, method, path string, answer any) error {
	return overSocket(dir, func(socket string) error {
		transport := &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
				if err != nil {
					return nil, errors.Join(errNoShim, err)
				}
				return conn, nil
			},
		}
		req, err := http.NewRequestWithContext(ctx, method, "http://shim"+path, nil)
		if err != nil {
			return err
		}
		resp, err := (&http.Client{Transport: transport}).Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		return json.NewDecoder(resp.Body).Decode(answer)
	})
}

// ask returns how an instance is.
func ask(ctx context.Context, dir string) (driver.Instance, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var found driver.Instance
	err := call(ctx, dir, http.MethodGet, "/state", &found)
	return found, err
}

// tellStop asks a shim to end its instance and itself, and waits for that.
func tellStop(ctx context.Context, dir string, grace time.Duration) error {
	err := call(ctx, dir, http.MethodPost, "/stop?grace="+grace.String(), &struct{}{})
	if err != nil && !errors.Is(err, errNoShim) && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for !abandoned(dir) {
		if !sleep(ctx, 5*time.Millisecond) {
			return context.Cause(ctx)
		}
	}
	return nil
}

// abandoned says whether no shim holds the lock of an instance's folder.
func abandoned(dir string) bool {
	f, err := os.Open(filepath.Join(dir, lockName))
	if err != nil {
		return true
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}
