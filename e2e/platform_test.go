package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// status is what the tests read of `davit status --json`.
type status struct {
	PID      int    `json:"pid"`
	Data     string `json:"data"`
	Page     string `json:"page"`
	Registry string `json:"registry"`
	Sandbox  string `json:"sandbox"`
	Edge     struct {
		PID        int    `json:"pid"`
		Production string `json:"production"`
		Secure     string `json:"secure"`
		CA         string `json:"ca"`
		Starts     int    `json:"starts"`
	} `json:"edge"`
	Apps []struct {
		App          string `json:"app"`
		Live         string `json:"live"`
		Current      string `json:"current"`
		Certificates []struct {
			Host, Issuer, Serial, Error string
			NotAfter                    *time.Time `json:"not_after"`
		} `json:"certificates"`
		Releases  []summary  `json:"releases"`
		Instances []instance `json:"instances"`
	} `json:"apps"`
}

// instance is what the tests read of an instance.
type instance struct {
	ID       string `json:"id"`
	PID      int    `json:"pid"`
	State    string `json:"state"`
	Restarts int    `json:"restarts"`
}

// of says whether the instance is one of a release.
func (i instance) of(release string) bool {
	return i.ID == release || strings.HasPrefix(i.ID, release+"-r")
}

// summary is what the tests read of a release.
type summary struct {
	ID      string  `json:"id"`
	Phase   string  `json:"phase"`
	Step    int     `json:"step"`
	Weight  float64 `json:"weight"`
	Outcome string  `json:"outcome"`
	Reason  string  `json:"reason"`
	Waiting string  `json:"waiting"`
	Image   struct {
		Repository string `json:"repository"`
		Digest     string `json:"digest"`
	} `json:"image"`
}

// platform is a davit with a data folder and a home of its own.
type platform struct {
	t     *testing.T
	data  string
	home  string
	edge  string   // address that production answers on
	args  []string // more, for `davit serve`
	file  string   // the program that serves
	serve *exec.Cmd
	log   *os.File
}

// newPlatform serves until the test ends, and is then taken down whatever the
// test did to it.
func newPlatform(t *testing.T, args ...string) *platform {
	t.Helper()
	p := preparePlatform(t, args...)
	p.start()
	return p
}

// preparePlatform is newPlatform before it serves.
func preparePlatform(t *testing.T, args ...string) *platform {
	t.Helper()
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(dir, "serve.log"))
	if err != nil {
		t.Fatal(err)
	}
	p := &platform{t: t, data: filepath.Join(dir, "data"), home: dir, log: log, args: args, file: binary}
	t.Cleanup(func() {
		if t.Failed() {
			p.dumpLogs()
		}
		if r := p.davit("", "down"); r.code != 0 {
			t.Errorf("davit down: exit %d: %s", r.code, r.stderr)
		}
		if p.serve != nil {
			_ = p.serve.Wait()
		}
		log.Close()
	})
	return p
}

func (p *platform) dumpLogs() {
	for _, name := range []string{p.log.Name(), filepath.Join(p.data, "edge.log")} {
		if data, err := os.ReadFile(name); err == nil {
			p.t.Logf("%s:\n%s", filepath.Base(name), data[max(0, len(data)-8000):])
		}
	}
}

// start runs `davit serve` and returns when it says where it is.
func (p *platform) start() {
	p.t.Helper()
	listen, edge := "127.0.0.1:0", "127.0.0.1:0"
	if p.edge != "" {
		edge = p.edge
	}
	args := append([]string{"serve", "--json", "--listen", listen, "--edge", edge, "--staging", "127.0.0.1:0"}, p.args...)
	cmd := exec.Command(p.file, args...)
	cmd.Env = p.env()
	cmd.Stderr = p.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.serve = cmd
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		p.dumpLogs()
		p.t.Fatalf("davit serve did not come up: %v", err)
	}
	var s status
	if err := json.Unmarshal(line, &s); err != nil {
		p.t.Fatal(err)
	}
	p.edge = s.Edge.Production
}

// kill ends control as a crash does.
func (p *platform) kill() {
	p.t.Helper()
	if err := p.serve.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	_ = p.serve.Wait()
	p.serve = nil
}

// upgrade puts another program in the place of the one that serves, and serves with
// that.
func (p *platform) upgrade() {
	p.t.Helper()
	data, err := os.ReadFile(binary)
	if err != nil {
		p.t.Fatal(err)
	}
	p.file = filepath.Join(p.home, "davit")
	if err := os.WriteFile(p.file+".new", data, 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Rename(p.file+".new", p.file); err != nil {
		p.t.Fatal(err)
	}
	p.kill()
	p.start()
}

func (p *platform) env() []string {
	env := []string{"DAVIT_DATA=" + p.data, "XDG_STATE_HOME=" + filepath.Join(p.home, "state"), "NO_COLOR=1"}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "DAVIT_") && !strings.HasPrefix(kv, "XDG_STATE_HOME=") {
			env = append(env, kv)
		}
	}
	return env
}

// result is what came of a command.
type result struct {
	code           int
	stdout, stderr string
}

// davit runs a command in a folder.
func (p *platform) davit(dir string, args ...string) result {
	p.t.Helper()
	return runCommand(p.t, dir, p.env(), binary, args...)
}

// must runs a command that has to succeed and returns what it printed.
func (p *platform) must(dir string, args ...string) string {
	p.t.Helper()
	r := p.davit(dir, args...)
	if r.code != 0 {
		p.t.Fatalf("davit %s: exit %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

func runCommand(t *testing.T, dir string, env []string, name string, args ...string) result {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", name, err)
	}
	return result{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}

// password is what writing to the registry takes.
func (p *platform) password() string {
	p.t.Helper()
	password, err := os.ReadFile(filepath.Join(p.data, "registry.password"))
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.TrimSpace(string(password))
}

func (p *platform) status() status {
	p.t.Helper()
	var s status
	if err := json.Unmarshal([]byte(p.must("", "status", "--json")), &s); err != nil {
		p.t.Fatal(err)
	}
	return s
}

func (p *platform) release(id string) summary {
	p.t.Helper()
	var s summary
	if err := json.Unmarshal([]byte(p.must("", "show", id, "--json")), &s); err != nil {
		p.t.Fatal(err)
	}
	return s
}

// until waits for a condition that becomes true by itself.
func until(t *testing.T, what string, limit time.Duration, fn func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !fn() {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen within %s", what, limit)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// module copies the source of a public module into a folder of its own.
func module(t *testing.T, path string) string {
	t.Helper()
	r := runCommand(t, "", os.Environ(), "go", "mod", "download", "-json", path)
	if r.code != 0 {
		t.Fatalf("go mod download %s: %s%s", path, r.stdout, r.stderr)
	}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal([]byte(r.stdout), &downloaded); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "src")
	if err := os.CopyFS(dir, os.DirFS(downloaded.Dir)); err != nil {
		t.Fatal(err)
	}
	err := filepath.Walk(dir, func(name string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		return os.Chmod(name, info.Mode()|0o200)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// need returns the path of a client that has to be installed, or skips.
func need(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

func drain(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

func readAll(t *testing.T, resp *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
