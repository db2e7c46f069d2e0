package process

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/davit-dev/davit/internal/driver"
	"github.com/davit-dev/davit/internal/x/atomicfile"
)

// The files of an instance's folder.
const (
	orderName  = "order.json"
	socketName = "shim.sock"
	lockName   = "shim.lock"
	rootName   = "root"
	tmpName    = "tmp"
	logsName   = "logs" // beside the instances' folders
)

// orderVersion is the version of order.json's form.
const orderVersion = 1

// order is what a shim is told.
type order struct {
	Version    int         `json:"version"`
	Spec       driver.Spec `json:"spec"`
	Level      Level       `json:"level"`
	Log        string      `json:"log"`
	Executable string      `json:"executable"`
	Tether     bool        `json:"tether"`
}

// shimProcess is a shim that this process started.
type shimProcess struct {
	done   chan struct{}
	mu     sync.Mutex
	output bytes.Buffer
}

// Write keeps what the shim says, which is only ever why it could not begin.
func (s *shimProcess) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.output.Len() < 4096 {
		s.output.Write(p)
	}
	return len(p), nil
}

func (s *shimProcess) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

func (s *shimProcess) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.TrimSpace(s.output.String())
}

// launch starts the shim of a new instance.
func (d *Driver) launch(spec driver.Spec) (*shimProcess, error) {
	level, err := d.level(spec)
	if err != nil {
		return nil, err
	}
	dir := d.dir(spec.ID)
	logs := filepath.Join(d.cfg.Dir, logsName)
	for _, folder := range []string{logs, dir, filepath.Join(dir, rootName), filepath.Join(dir, tmpName)} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, fmt.Errorf("make instance: %w", err)
		}
	}
	d.pruneLogs(spec.App)
	text, err := json.Marshal(order{
		Version: orderVersion, Spec: spec, Level: level, Log: filepath.Join(logs, spec.ID+".log"),
		Executable: d.cfg.Executable, Tether: d.cfg.Tether,
	})
	if err != nil {
		return nil, fmt.Errorf("make instance: %w", err)
	}
	if err := atomicfile.Write(filepath.Join(dir, orderName), text, 0o600); err != nil {
		return nil, err
	}
	return d.spawn(dir)
}

func (d *Driver) spawn(dir string) (*shimProcess, error) {
	s := &shimProcess{done: make(chan struct{})}
	cmd := exec.Command(d.cfg.Executable, "shim", dir) //nolint:noctx // it outlives us
	cmd.Args[0] = "davit"                              // what ps shows
	cmd.Env = []string{"GOMAXPROCS=1"}
	cmd.Dir = "/"
	cmd.Stderr = s
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var leash *os.File
	if d.cfg.Tether {
		read, write, err := os.Pipe()
		if err != nil {
			return nil, fmt.Errorf("tie the shim to this process: %w", err)
		}
		defer read.Close()
		cmd.Stdin, leash = read, write
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the shim: %w", err)
	}
	go func() {
		_ = cmd.Wait() // why it ended is in its output
		if leash != nil {
			leash.Close()
		}
		close(s.done)
	}()
	return s, nil
}

// level is the confinement for an instance, or the reason why there is none.
func (d *Driver) level(spec driver.Spec) (Level, error) {
	level := d.probe()
	if level == Namespaces {
		return level, nil
	}
	if name := foreign(spec.Image.Root); name != "" {
		return "", &StartError{
			ID: spec.ID, Hint: "allow user namespaces, or build on static or scratch",
			Reason: fmt.Sprintf("the image holds %s, so it needs a root of its own, and namespaces cannot be had here", name),
		}
	}
	if level == None && !d.cfg.AcceptUnsandboxed {
		return "", &StartError{
			ID: spec.ID, Hint: "allow user namespaces, or serve with --accept-unsandboxed",
			Reason: "neither namespaces nor Landlock can be had here, so nothing would keep it from davit's data",
		}
	}
	return level, nil
}

// foreign names what an image has beyond a program and davit's own base.
func foreign(root string) string {
	for _, name := range []string{"bin", "sbin", "lib", "lib64", "usr/bin", "usr/sbin", "usr/lib"} {
		if _, err := os.Stat(filepath.Join(root, name)); err == nil {
			return "/" + name
		}
	}
	return ""
}
