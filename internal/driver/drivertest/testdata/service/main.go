// Command service is what the drivers' suite runs: it does what its environment
// asks for, and tells what it sees.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	if os.Getenv("EXIT") != "" {
		fmt.Fprintln(os.Stderr, "giving up at once")
		os.Exit(3)
	}
	fmt.Println("hello from", os.Getenv("NAME"))
	mux := http.NewServeMux()
	started := time.Now()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if sick, err := time.ParseDuration(os.Getenv("SICK_AFTER")); err == nil && time.Since(started) > sick {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("/sick", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(500 * time.Millisecond)
		fmt.Fprint(w, "done")
	})
	mux.HandleFunc("/exit", func(http.ResponseWriter, *http.Request) { os.Exit(4) })
	mux.HandleFunc("/self", self)
	mux.HandleFunc("/read", func(w http.ResponseWriter, r *http.Request) {
		_, err := os.ReadFile(r.FormValue("path"))
		fmt.Fprint(w, err)
	})
	mux.HandleFunc("/write", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, os.WriteFile(r.FormValue("path"), []byte("x"), 0o600))
	})
	mux.HandleFunc("/flood", func(http.ResponseWriter, *http.Request) {
		for i := range 300_000 {
			fmt.Println("flood", i, strings.Repeat("x", 100))
		}
	})
	address := os.Getenv("LISTEN")
	if address == "" {
		address = os.Getenv("HOST") + ":" + os.Getenv("PORT")
	}
	server := &http.Server{Addr: address, Handler: mux}
	if os.Getenv("STUBBORN") != "" {
		signal.Ignore(syscall.SIGTERM)
		_ = exec.Command(os.Args[0]).Start() // somebody to take along
	} else {
		go drain(server)
	}
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	time.Sleep(time.Second) // drain ends the process
}

func drain(server *http.Server) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	<-ctx.Done()
	_ = server.Shutdown(context.Background())
	os.Exit(0)
}

// self tells what the process sees of itself.
func self(w http.ResponseWriter, _ *http.Request) {
	status, _ := os.ReadFile("/proc/self/status")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"pid": os.Getpid(), "uid": os.Getuid(), "args": os.Args[1:], "env": os.Environ(), "status": string(status),
	})
}
