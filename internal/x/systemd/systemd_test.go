package systemd_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/x/systemd"
)

// The test binary is the service as well, when the manager starts it.
func TestMain(m *testing.M) {
	if os.Getenv("SYSTEMD_TEST_SERVICE") != "" {
		listeners, err := systemd.Listeners()
		again, _ := systemd.Listeners()
		if err != nil || len(again) != 0 || os.Getenv("LISTEN_FDS") != "" {
			fmt.Println("failed:", err, len(again))
			os.Exit(1)
		}
		conn, err := listeners["web"].Accept()
		if err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		fmt.Fprintf(conn, "%d sockets\n", len(listeners))
		conn.Close()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestNotify(t *testing.T) {
	if err := systemd.Notify(systemd.Ready); err != nil {
		t.Errorf("without a manager: %v", err)
	}
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), "@davit-systemd-test-" + fmt.Sprint(os.Getpid())} {
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: strings.Replace(name, "@", "\x00", 1), Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("NOTIFY_SOCKET", name)
		if err := systemd.Notify(systemd.Ready, systemd.Status("one\ntwo")); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 100)
		n, err := conn.Read(got)
		if want := "READY=1\nSTATUS=one two"; err != nil || string(got[:n]) != want {
			t.Errorf("%s: got %q, %v", name, got[:n], err)
		}
		_ = conn.Close()
	}
	if err := systemd.Notify(systemd.Alive); err == nil {
		t.Error("a manager that is gone was told something")
	}
}

func TestWatchdogInterval(t *testing.T) {
	for _, c := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"", "", 0},
		{"x", "", 0},
		{"-5", "", 0},
		{"2000000", "", time.Second},
		{"2000000", fmt.Sprint(os.Getpid()), time.Second},
		{"2000000", "1", 0},
	} {
		t.Setenv("WATCHDOG_USEC", c.usec)
		t.Setenv("WATCHDOG_PID", c.pid)
		if got := systemd.WatchdogInterval(); got != c.want {
			t.Errorf("%q for %q: %s, want %s", c.usec, c.pid, got, c.want)
		}
	}
}

// TestListeners lets the manager's own tool open the sockets.
func TestListeners(t *testing.T) {
	tool, err := exec.LookPath("systemd-socket-activate")
	if err != nil {
		t.Skip("SKIP: systemd-socket-activate is not on PATH")
	}
	socket := filepath.Join(t.TempDir(), "web")
	cmd := exec.CommandContext(t.Context(), tool, "--listen="+socket, "--listen="+socket+"2", "--fdname=web:other",
		"--setenv=SYSTEMD_TEST_SERVICE=1", os.Args[0])
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	var conn net.Conn
	for conn == nil {
		var d net.Dialer
		if conn, err = d.DialContext(t.Context(), "unix", socket); err != nil && t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
	defer conn.Close()
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || line != "2 sockets\n" {
		t.Errorf("got %q, %v", line, err)
	}
}

// A process that has inherited the variables from the service is not meant.
func TestListenersOfAnother(t *testing.T) {
	t.Setenv("LISTEN_PID", "1")
	t.Setenv("LISTEN_FDS", "1")
	if all, err := systemd.Listeners(); err != nil || len(all) != 0 {
		t.Errorf("got %v, %v", all, err)
	}
}
