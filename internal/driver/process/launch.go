package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/davit-dev/davit/internal/driver"
)

// The files of an instance's folder.
const (
	orderName  = "order.json"  // what the shim is told
	statusName = "state.json"  // what it said last
	socketName = "shim.sock"   // where it is asked
	lockName   = "shim.lock"   // held while it lives
	errorsName = "shim.errors" // why it could not begin, or how it fell
	rootName   = "root"        // where the instance's root is assembled
	tmpName    = "tmp"         // for temporary files, without namespaces
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
	Secrets    bool        `json:"secrets,omitempty"` // it is given some as fdSecrets
	Volumes    []volume    `json:"volumes,omitempty"`
	Cgroup     string      `json:"cgroup"` // name of the instance's
	Proc       string      `json:"proc"`   // where its shim looks for cgroups
	Processes  int         `json:"processes"`
}

func readOrder(dir string) (order, error) {
	var o order
	data, err := os.ReadFile(filepath.Join(dir, orderName))
	if err != nil {
		return o, fmt.Errorf("read order: %w", err)
	}
	if err := json.Unmarshal(data, &o); err != nil {
		return o, fmt.Errorf("read order: %w", err)
	}
	if o.Version != orderVersion {
		return o, fmt.Errorf("read order: it has version %d, this davit knows %d", o.Version, orderVersion)
	}
	return o, nil
}

// shimProcess is a shim that this process started.
type shimProcess struct{ done chan struct{} }

func (s *shimProcess) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// said is what a shim wrote before it fell.
func said(dir string) string {
	const most = 4 << 10
	data, err := os.ReadFile(filepath.Join(dir, errorsName))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data[:min(len(data), most)]))
}

// launch starts the shim of a new instance.
func (d *Driver) launch(spec driver.Spec) (*shimProcess, error) {
	level, err := d.level(spec)
	if err != nil {
		return nil, err
	}
	dir, log := d.dir(spec.ID), d.logPath(spec.App, spec.ID)
	for _, folder := range []string{filepath.Dir(log), filepath.Join(dir, rootName), filepath.Join(dir, tmpName)} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, fmt.Errorf("make instance: %w", err)
		}
	}
	d.pruneLogs(spec.App)
	volumes, err := d.volumes(spec, level)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(order{
		Version: orderVersion, Spec: spec, Level: level, Log: log,
		Executable: d.cfg.Executable, Tether: d.cfg.Tether, Secrets: len(spec.Secrets) > 0,
		Volumes: volumes, Cgroup: d.cgroupName(spec.ID), Proc: d.cfg.Proc, Processes: d.cfg.Processes,
	})
	if err != nil {
		return nil, fmt.Errorf("make instance: %w", err)
	}
	// Instances do not outlive the machine, so nothing of them is synced.
	if err := os.WriteFile(filepath.Join(dir, orderName), text, 0o600); err != nil {
		return nil, fmt.Errorf("make instance: %w", err)
	}
	handed, err := handOver(spec.Secrets)
	if err != nil {
		return nil, err
	}
	defer func() { _ = closeAll(handed...) }()
	return d.spawn(dir, handed)
}

// spawn starts a shim in a session of its own, which the terminal's Ctrl-C does
// not reach.
func (d *Driver) spawn(dir string, handed []*os.File) (*shimProcess, error) {
	complaints, err := os.OpenFile(filepath.Join(dir, errorsName), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start the shim: %w", err)
	}
	defer complaints.Close()
	cmd := exec.Command(d.cfg.Executable, "shim", dir) //nolint:noctx // it outlives us
	cmd.Args[0] = "davit"                              // what ps shows
	cmd.Env = []string{"GOMAXPROCS=1"}                 // it only ever waits
	cmd.Dir, cmd.Stderr = "/", complaints              // a file: nobody has to read it
	cmd.ExtraFiles = handed
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
		return nil, errors.Join(fmt.Errorf("start the shim: %w", err), closeAll(leash))
	}
	s := &shimProcess{done: make(chan struct{})}
	// Nobody waits for this goroutine: it reaps a process that may outlive us.
	go func() {
		_ = cmd.Wait() // why it ended is in its file
		_ = closeAll(leash)
		close(s.done)
	}()
	return s, nil
}

func closeAll(files ...*os.File) error {
	var errs []error
	for _, f := range files {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}
