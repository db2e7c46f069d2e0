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

// status is what a shim says of its instance.
type status struct {
	driver.Instance
	Hint string `json:"hint,omitempty"` // what to do about the reason
}

// become changes the state, unless it is stopping.
func (s *status) become(state driver.State, reason, hint string) {
	if s.State != driver.Stopping {
		s.State, s.Reason, s.Hint = state, reason, hint
	}
}

// readStatus returns what a shim kept on disk last.
func readStatus(dir string) (status, error) {
	var s status
	data, err := os.ReadFile(filepath.Join(dir, statusName))
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	return s, err
}

// write keeps it on disk, or nothing when it cannot. After a power cut it is worth
// nothing, so it is not synced.
func (s *status) write(dir string) error {
	path := filepath.Join(dir, statusName)
	data, err := json.Marshal(s)
	if err == nil {
		err = os.WriteFile(path+".new", data, 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		_ = os.Remove(path) // which a full disk allows
		return fmt.Errorf("keep the state on disk: %w", err)
	}
	return nil
}

// errNoShim says that no shim listens for an instance.
var errNoShim = errors.New("no shim")

// askLimit is how long a shim may take to say how its instance is.
const askLimit = 5 * time.Second

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

func dial(ctx context.Context, socket string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil && ctx.Err() == nil {
		return nil, errors.Join(errNoShim, err)
	}
	return conn, err
}

// call makes one request to an instance's shim and decodes the answer.
func call(ctx context.Context, dir, method, path string, answer any) error {
	return overSocket(dir, func(socket string) error {
		transport := &http.Transport{
			DisableKeepAlives: true,
			DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, socket) },
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
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s %s: %s", method, path, resp.Status)
		}
		return json.NewDecoder(resp.Body).Decode(answer)
	})
}

// ask returns how an instance is. The error is errNoShim when nobody is there
// to say so.
func ask(ctx context.Context, dir string, limit time.Duration) (status, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var found status
	err := call(ctx, dir, http.MethodGet, "/state", &found)
	return found, err
}

// tellStop asks a shim to end its instance and itself, and waits for that. A
// shim that does neither is killed; its program dies with it.
func tellStop(ctx context.Context, dir string, grace time.Duration) error {
	const margin = 5 * time.Second
	late := time.Now().Add(max(grace, 0) + margin)
	for !abandoned(dir) {
		// One that has only begun does not listen yet, and is asked again.
		asked, cancel := context.WithDeadline(ctx, late)
		err := call(asked, dir, http.MethodPost, "/stop?grace="+grace.String(), &struct{}{})
		cancel()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if pid := holder(dir); err != nil && pid != 0 && time.Now().After(late) {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("kill the shim: %w", err)
			}
		}
		if !sleep(ctx, 2*time.Millisecond) {
			return context.Cause(ctx)
		}
	}
	return nil
}

// abandoned says whether an instance's folder has no shim.
func abandoned(dir string) bool { return holder(dir) == 0 }

// holder returns the process that looks after an instance's folder, 0 when there
// is none. It asks for the lock without taking it (fcntl(2), F_GETLK), so that it
// is not in the way of a shim that begins.
func holder(dir string) (pid int) {
	f, err := os.Open(filepath.Join(dir, lockName))
	if err != nil {
		return 0
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock); err != nil || lock.Type == unix.F_UNLCK {
		return 0
	}
	return int(lock.Pid)
}

// hold takes the lock of an instance's folder for the life of this process, or
// until the file is closed. The file must not be opened in it another time.
func hold(dir string) (*os.File, error) {
	held, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("hold instance: %w", err)
	}
	if err := unix.FcntlFlock(held.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		held.Close()
		return nil, fmt.Errorf("hold instance: another shim has it: %w", err)
	}
	return held, nil
}
