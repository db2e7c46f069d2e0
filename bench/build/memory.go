package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// caddyModule is a program of more than 40 MB of code, to see that davit does not
// hold what it builds in memory.
const caddyModule = "github.com/caddyserver/caddy/v2@v2.11.9"

// measureMemory compares the most memory that davit itself held, beside the go
// command that it runs.
func (b *bench) measureMemory(ctx context.Context, t *table) error {
	dir, err := b.fetch(ctx, "caddy", caddyModule)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, b.davit, "build", "--repo", b.registry.address+"/davit/caddy", "./cmd/caddy")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), append(b.goEnv(""), "XDG_CACHE_HOME="+b.davitCache(""), "DOCKER_CONFIG="+b.dir)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	peak := int64(0)
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		select {
		case err := <-ended:
			tick.Stop()
			if err != nil {
				return fmt.Errorf("davit build caddy: %w\n%s", err, said.String())
			}
			t.peaks = append(t.peaks, fmt.Sprintf("caddy\tdavit itself\t%.0f MiB\t\t≤ 150 MiB\t", float64(peak)/1024))
			return nil
		case <-tick.C:
			peak = max(peak, highWater(cmd.Process.Pid))
		}
	}
}

// highWater returns the most memory that a process held so far, in KiB (proc(5),
// VmHWM).
func highWater(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			size, _ := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return size
		}
	}
	return 0
}
