package cli_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/davit-dev/davit/examples"
	"github.com/davit-dev/davit/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"davit": func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		code := cli.Main(ctx, os.Args[1:], cli.Standard())
		stop()
		os.Exit(code)
	}})
}

// TestScript runs a script for each command. In the scripts,
//
//	serve            runs the platform until the script ends
//	orders DIR V S   writes the tour's service: version V, share S of failures
//	traffic HOST P N sends N requests a second for path P to the edge, in the background
//	exits N WORDS…   runs a davit command that has to end with exit code N
//	get HOST PATH    sends a request to the edge; its answer is the standard output
//	nowhere WORD F…  looks for a word in all files below folders
//	keep NAME        puts the last standard output into a variable
//	until WORDS…     repeats a davit command until it succeeds and prints the last word
func TestScript(t *testing.T) {
	cache := t.TempDir()
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	goEnv := goEnvironment(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       os.Getenv("UPDATE") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("DAVIT_DATA", filepath.Join(env.WorkDir, "data"))
			env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state"))
			env.Setenv("XDG_CACHE_HOME", cache)
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("NO_COLOR", "1")
			env.Setenv("DAVIT_SHELLCHECK", "off") // the same findings, whether it is installed or not
			for name, value := range goEnv {
				env.Setenv(name, value)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve": serve, "orders": orders, "traffic": traffic, "exits": exits, "until": until,
			"damage": damage, "get": get, "nowhere": nowhere, "keep": keep,
		},
	})
}

// goEnvironment is where Go finds modules and what it built before.
func goEnvironment(t *testing.T) map[string]string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "go", "env", "-json", "GOPATH", "GOMODCACHE", "GOCACHE", "GOPROXY", "GOTOOLCHAIN").Output()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	if err := json.Unmarshal(output, &values); err != nil {
		t.Fatal(err)
	}
	return values
}

// exits wants a certain exit code, where ! exec takes any but 0.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE WORDS…")
	}
	code := 0
	err := ts.Exec("davit", args[1:]...)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if want := args[0]; strconv.Itoa(code) != want {
		ts.Fatalf("exit code %d, want %s", code, want)
	}
}

// serve starts the platform on free ports and tells the script where it is.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("serve cannot be negated")
	}
	path, err := exec.LookPath("davit")
	ts.Check(err)
	cmd := exec.Command(path, append([]string{
		"serve", "--json", "--listen", "127.0.0.1:0", "--edge", "127.0.0.1:0", "--staging", "127.0.0.1:0",
	}, args...)...)
	log, err := os.OpenFile(ts.MkAbs("serve.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	cmd.Env = environment(ts)
	cmd.Stderr = log
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		down := exec.Command(path, "down")
		down.Env = cmd.Env
		if output, err := down.CombinedOutput(); err != nil && !strings.Contains(string(output), "no davit is serving") {
			fmt.Fprintf(os.Stderr, "davit down: %v: %s\n", err, output)
		}
		_ = cmd.Wait()
		log.Close()
	})
	var status struct {
		Page, Registry string
		Edge           struct{ Production string }
		API            struct{ URL, Fingerprint string }
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		text, _ := os.ReadFile(log.Name())
		ts.Fatalf("davit serve did not come up: %v\n%s", err, text)
	}
	ts.Check(json.Unmarshal(line, &status))
	ts.Setenv("PAGE", status.Page)
	ts.Setenv("REGISTRY", status.Registry)
	ts.Setenv("EDGE", status.Edge.Production)
	ts.Setenv("API", status.API.URL)
	ts.Setenv("FINGERPRINT", status.API.Fingerprint)
	ts.Setenv("SERVE_PID", strconv.Itoa(cmd.Process.Pid))
}

// keep lets later commands use what one has printed.
func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: keep NAME")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// environment is the script's.
func environment(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{
		"DAVIT_DATA", "XDG_STATE_HOME", "XDG_CACHE_HOME", "HOME", "NO_COLOR", "PATH", "TMPDIR",
		"GOPATH", "GOMODCACHE", "GOCACHE", "GOPROXY", "GOTOOLCHAIN",
	} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}

const settings = `name: orders
run:
  env: {ORDERS_VERSION: %s, ORDERS_FAIL_SHARE: "%s"}
  drain: 1s
verify: {http: acceptance}
release: {steps: [20%%, 50%%], dwell: 500ms, bake: 500ms, deadline: 1m%s}
`

// orders writes the tour's service, with a release that takes a second or two.
func orders(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: orders DIR VERSION SHARE [MORE]")
	}
	dir, more := ts.MkAbs(args[0]), ""
	if len(args) > 3 {
		more = ", " + args[3]
	}
	if _, err := os.Stat(dir); err != nil {
		ts.Check(examples.WriteOrders(dir))
	}
	text := fmt.Sprintf(settings, args[1], args[2], more)
	ts.Check(os.WriteFile(filepath.Join(dir, "davit.yaml"), []byte(text), 0o644))
}

// traffic sends requests to the edge until the script ends.
func traffic(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: traffic HOST PATH RATE")
	}
	rate, err := strconv.Atoi(args[2])
	ts.Check(err)
	req, err := http.NewRequest(http.MethodGet, "http://"+ts.Getenv("EDGE")+args[1], nil)
	ts.Check(err)
	req.Host = args[0]
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(time.Second / time.Duration(rate))
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				if resp, err := http.DefaultClient.Do(req.Clone(ctx)); err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			}
		}
	}()
	ts.Defer(func() { stop(); <-done })
}

// get sends one request to the edge and shows the answer.
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: get HOST PATH")
	}
	req, err := http.NewRequest(http.MethodGet, "http://"+ts.Getenv("EDGE")+args[1], nil)
	ts.Check(err)
	req.Host = args[0]
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	_, err = io.Copy(ts.Stdout(), resp.Body)
	ts.Check(err)
}

// nowhere fails when a word is in one of the files.
func nowhere(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: nowhere WORD FILE…")
	}
	files := 0
	for _, name := range args[1:] {
		ts.Check(filepath.WalkDir(ts.MkAbs(name), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			files++
			data, err := os.ReadFile(path)
			if strings.Contains(string(data), args[0]) {
				return fmt.Errorf("%s holds %s", path, args[0])
			}
			return err
		}))
	}
	if files == 0 {
		ts.Fatalf("there is no file below %q", args[1:])
	}
}

// until repeats a davit command until its output holds the last word.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until COMMAND… WORD")
	}
	path, err := exec.LookPath("davit")
	ts.Check(err)
	word := args[len(args)-1]
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		cmd := exec.Command(path, args[:len(args)-1]...)
		cmd.Env = environment(ts)
		output, err := cmd.CombinedOutput()
		if err == nil && strings.Contains(string(output), word) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%q never appeared: %s", word, output)
		}
	}
}

// damage flips a bit in one of the files below a folder.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	var files []string
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	}))
	if len(files) == 0 {
		ts.Fatalf("there is no file below %s", args[0])
	}
	data, err := os.ReadFile(files[0])
	ts.Check(err)
	data[0] ^= 1
	ts.Check(os.WriteFile(files[0], data, 0o600))
}
