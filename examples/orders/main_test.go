package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"
)

// TestRunDrains ends the service while a request is under way: the request is
// answered all the same.
func TestRunDrains(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	logs, output := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		defer func() { _ = output.Close() }() // ends the last line, cannot fail
		ended <- run(ctx, slog.New(slog.NewJSONHandler(output, nil)), environment(map[string]string{
			"HOST": "127.0.0.1", "PORT": "0",
		}))
	}()
	lines := bufio.NewScanner(logs)
	address := find(t, lines, "listening")

	body, send := io.Pipe()
	answered := make(chan int, 1)
	go func() { answered <- post(ctx, "http://"+address+"/orders", body) }()
	// The client waits with the body until the service asks for it, so once some
	// of it is taken the request is under way.
	fmt.Fprint(send, `{"item":"rope",`)
	cancel()
	find(t, lines, "draining")
	go func() {
		for lines.Scan() { // so that no log line has to wait
		}
	}()
	fmt.Fprint(send, `"quantity":1}`)
	if err := send.Close(); err != nil {
		t.Error(err)
	}

	if status := <-answered; status != http.StatusCreated {
		t.Errorf("the request under way was answered with %d, want 201", status)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the service did not end")
	}
}

// find reads log lines until one has the message, and returns its address.
func find(t *testing.T, lines *bufio.Scanner, message string) string {
	t.Helper()
	for lines.Scan() {
		var line struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == message {
			return line.Address
		}
	}
	t.Fatalf("the log has no line %q", message)
	return ""
}

func post(ctx context.Context, url string, body io.Reader) int {
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, url, body)
	if err != nil {
		return 0
	}
	req.Header.Set("Expect", "100-continue")
	transport := &http.Transport{ExpectContinueTimeout: time.Minute}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

func environment(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func TestConfig(t *testing.T) {
	cfg, err := configFrom(environment(map[string]string{"PORT": "9000", "ORDERS_FAIL_SHARE": "0.1"}))
	if err != nil || cfg != (config{address: ":9000", version: "dev", failShare: 0.1}) {
		t.Errorf("got %+v, %v", cfg, err)
	}
	for _, share := range []string{"10%", "-0.1", "1.1", "NaN"} {
		if _, err := configFrom(environment(map[string]string{"ORDERS_FAIL_SHARE": share})); err == nil {
			t.Errorf("ORDERS_FAIL_SHARE=%s was taken", share)
		}
	}
}
