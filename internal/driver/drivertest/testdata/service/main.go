// Command service is what the drivers' suite runs: it does what its environment
// and its requests ask for, and tells what it sees.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "offspring" {
		offspring()
	}
	if len(os.Args) > 1 && os.Args[1] == "eat" {
		eat(os.Stdout)
		return
	}
	if os.Getenv("EAT") != "" {
		eat(os.Stdout)
	}
	if os.Getenv("EXIT") != "" {
		fmt.Fprintln(os.Stderr, "giving up at once")
		os.Exit(3)
	}
	fmt.Println("hello from", os.Getenv("NAME"))
	fmt.Fprintln(os.Stderr, "and from stderr")
	address := os.Getenv("LISTEN")
	if address == "" {
		address = os.Getenv("HOST") + ":" + os.Getenv("PORT")
	}
	server := &http.Server{Addr: address, Handler: handler()}
	if os.Getenv("STUBBORN") != "" {
		signal.Ignore(syscall.SIGTERM)
	} else {
		go drain(server)
	}
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {} // drain ends the process
}

func drain(server *http.Server) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	<-ctx.Done()
	_ = server.Shutdown(context.Background())
	os.Exit(0)
}

func handler() http.Handler {
	mux := http.NewServeMux()
	started := time.Now()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if sick, err := time.ParseDuration(os.Getenv("SICK_AFTER")); err == nil && time.Since(started) > sick {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/nowhere", http.StatusFound) })
	mux.HandleFunc("/sick", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	var slow atomic.Int64
	mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) {
		slow.Add(1)
		time.Sleep(500 * time.Millisecond)
		fmt.Fprint(w, "done")
	})
	mux.HandleFunc("/slow/begun", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, slow.Load()) })
	mux.HandleFunc("/exit", func(http.ResponseWriter, *http.Request) { os.Exit(4) })
	mux.HandleFunc("/self", self)
	mux.HandleFunc("/spawn", spawn)
	mux.HandleFunc("/flood", func(http.ResponseWriter, *http.Request) {
		for i := range 100_000 {
			fmt.Println("flood", i, strings.Repeat("x", 100))
		}
	})
	mux.HandleFunc("/eat", func(w http.ResponseWriter, _ *http.Request) { eat(w) })
	mux.HandleFunc("/burn", func(w http.ResponseWriter, _ *http.Request) { burn(w) })
	mux.HandleFunc("/feed", feed)
	for path, try := range map[string]func(what string) error{
		"/say":   func(what string) error { _, err := fmt.Println(what); return err },
		"/read":  func(what string) error { _, err := os.ReadFile(what); return err },
		"/list":  func(what string) error { _, err := os.ReadDir(what); return err },
		"/write": func(what string) error { return os.WriteFile(what, []byte("x"), 0o600) },
		"/open":  func(what string) error { _, err := os.OpenFile(what, os.O_WRONLY, 0); return err },
		"/empty": func(what string) error { return os.Truncate(what, 0) },
		"/close": shut,
		"/mode":  func(what string) error { return os.Chmod(what, 0o777) },
		"/kill":  signalTo,
		"/dial":  dial,
		"/zone":  func(what string) error { _, err := time.LoadLocation(what); return err },
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, try(r.FormValue("what"))) })
	}
	return mux
}

// eat takes 256 MiB of memory and uses it.
func eat(w io.Writer) {
	var eaten [][]byte
	for range 256 {
		bite := make([]byte, 1<<20)
		for i := range bite {
			bite[i] = byte(i)
		}
		eaten = append(eaten, bite)
	}
	fmt.Fprint(w, len(eaten))
}

// feed ends with a process that it lets eat.
func feed(http.ResponseWriter, *http.Request) {
	program, err := os.Executable()
	if err == nil {
		err = exec.Command(program, "eat").Run()
	}
	fmt.Fprintln(os.Stderr, "fed:", err)
	os.Exit(5)
}

// burn uses a core for a while.
func burn(w io.Writer) {
	n := 0
	for begin := time.Now(); time.Since(begin) < time.Second; n++ {
	}
	fmt.Fprint(w, n)
}

// self tells what the process sees of itself.
func self(w http.ResponseWriter, _ *http.Request) {
	status, _ := os.ReadFile("/proc/self/status")
	dir, _ := os.Getwd()
	var limit syscall.Rlimit
	_ = syscall.Getrlimit(syscall.RLIMIT_CORE, &limit)
	mask := syscall.Umask(0)
	syscall.Umask(mask)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"pid": os.Getpid(), "uid": os.Getuid(), "gid": os.Getgid(), "args": os.Args[1:], "env": os.Environ(),
		"status": string(status), "dir": dir, "core": limit.Max, "umask": mask,
	})
}

// shut writes a file and closes its folder to everybody.
func shut(file string) error {
	folder := filepath.Dir(file)
	return errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(file, nil, 0o600), os.Chmod(folder, 0))
}

func signalTo(pid string) error {
	number, err := strconv.Atoi(pid)
	if err != nil {
		return err
	}
	return syscall.Kill(number, 0)
}

func dial(socket string) error {
	conn, err := net.Dial("unix", socket)
	if err == nil {
		conn.Close()
	}
	return err
}

// spawn starts a process that leaves the session, and tells where it listens.
func spawn(w http.ResponseWriter, _ *http.Request) {
	program, err := os.Executable()
	if err != nil {
		fmt.Fprint(w, err)
		return
	}
	cmd := exec.Command(program, "offspring")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	output, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprint(w, err)
		return
	}
	address, _ := bufio.NewReader(output).ReadString('\n')
	fmt.Fprint(w, strings.TrimSpace(address))
}

// offspring listens until it is killed.
func offspring() {
	signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		os.Exit(1)
	}
	fmt.Println(l.Addr())
	for {
		conn, err := l.Accept()
		if err != nil {
			os.Exit(1)
		}
		_, _ = io.WriteString(conn, "here")
		conn.Close()
	}
}
