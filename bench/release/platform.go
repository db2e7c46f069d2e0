package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/davit-dev/davit/examples"
)

// platform is a whole davit with a data folder of its own.
type platform struct {
	bench *bench
	dir   string
	env   []string
	pid   int
	edge  string // address of production
	cmd   *exec.Cmd
}

func (b *bench) startPlatform(ctx context.Context) (*platform, error) {
	dir, err := os.MkdirTemp(b.dir, "platform-")
	if err != nil {
		return nil, err
	}
	p := &platform{bench: b, edge: "127.0.0.1:0", dir: dir, env: []string{"DAVIT_DATA=" + filepath.Join(dir, "data"), "XDG_STATE_HOME=" + filepath.Join(dir, "state"), "NO_COLOR=1", "DAVIT_SHELLCHECK=off"}}
	return p, p.serve(ctx)
}

// serve starts control, again after it was killed.
func (p *platform) serve(ctx context.Context) error {
	p.cmd = exec.CommandContext(ctx, p.bench.davit, "serve", "--json", "--listen", "127.0.0.1:0", "--edge", p.edge, "--staging", "127.0.0.1:0")
	p.cmd.Env = append(os.Environ(), p.env...)
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	var said struct {
		PID  int `json:"pid"`
		Edge struct {
			Production string `json:"production"`
		} `json:"edge"`
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &said)
	}
	p.pid, p.edge = said.PID, said.Edge.Production
	if err != nil {
		return errors.Join(fmt.Errorf("start davit serve: %w", err), p.down(ctx))
	}
	return nil
}

// down ends the platform with all that it started.
func (p *platform) down(ctx context.Context) error {
	err := command(context.WithoutCancel(ctx), "", p.env, p.bench.davit, "down")
	_ = p.cmd.Wait() // it was told to end
	return err
}

// orders writes the example as an app of a name, with settings.
func (p *platform) orders(name, text string) (dir string, err error) {
	dir = filepath.Join(p.dir, "src", name)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	if err := examples.WriteOrders(dir); err != nil {
		return "", err
	}
	return dir, settings(dir, name, text)
}

func settings(dir, name, text string) error {
	return os.WriteFile(filepath.Join(dir, "davit.yaml"), []byte("name: "+name+"\n"+text), 0o600)
}

// edit changes the program, so that it has to be compiled anew.
func edit(dir, word string) error {
	return os.WriteFile(filepath.Join(dir, "edited.go"), fmt.Appendf(nil, "package main\n\nvar _ = %q\n", word), 0o600)
}

// ship takes the service in a folder to production and returns how long it took.
func (p *platform) ship(ctx context.Context, dir string) (time.Duration, error) {
	begin := time.Now()
	err := command(ctx, dir, p.env, p.bench.davit, "ship", "--skip-tests")
	return time.Since(begin), err
}
