// Package systemd speaks the two small protocols of a service manager: sd_notify(3),
// by which a service says that it is ready, and sd_listen_fds(3), by which it is
// given sockets that are open already. Without a manager everything is a no-op.
package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// States of a service (sd_notify(3)).
const (
	Ready    = "READY=1"
	Stopping = "STOPPING=1"
	Alive    = "WATCHDOG=1" // not stuck; see WatchdogInterval
)

// Notify tells the manager the state of the service, several lines of NAME=value
// at a time. It does nothing without a manager.
func Notify(states ...string) error {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil
	}
	if strings.HasPrefix(name, "@") {
		name = "\x00" + name[1:]
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	_, err = conn.Write([]byte(strings.Join(states, "\n")))
	if err = errors.Join(err, conn.Close()); err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	return nil
}

// Status is a state with a line for people.
func Status(text string) string { return "STATUS=" + strings.ReplaceAll(text, "\n", " ") }

// WatchdogInterval is how often the manager wants to hear of the service, half of
// what it waits (sd_watchdog_enabled(3)); zero when it does not.
func WatchdogInterval() time.Duration {
	usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	pid := os.Getenv("WATCHDOG_PID")
	if err != nil || usec <= 0 || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	return time.Duration(usec) * time.Microsecond / 2
}

// firstFile is the descriptor of the first socket, SD_LISTEN_FDS_START.
const firstFile = 3

// Listeners returns the sockets that the manager has opened, by the names that
// their units give them (FileDescriptorName=). What is no stream socket is an
// error. The variables that announce them are taken away, so that no process that
// is started takes them for its own; a second call returns none.
func Listeners() (map[string]net.Listener, error) {
	pid, count := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS")
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		if err := os.Unsetenv(name); err != nil {
			return nil, fmt.Errorf("take over sockets: %w", err)
		}
	}
	if pid != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("take over sockets: LISTEN_FDS=%q is not a number of them", count)
	}
	all := map[string]net.Listener{}
	for i := range n {
		name := strconv.Itoa(i)
		if i < len(names) && names[i] != "" {
			name = names[i]
		}
		file := os.NewFile(uintptr(firstFile+i), name)
		listener, err := net.FileListener(file) // a duplicate
		err = errors.Join(err, file.Close())
		if err == nil && all[name] != nil {
			err = errors.New("there are two of that name")
		}
		if err != nil {
			return nil, fmt.Errorf("take over the socket %q: %w", name, err)
		}
		all[name] = listener
	}
	return all, nil
}
