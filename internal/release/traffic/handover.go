package traffic

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Sockets are duplicates of the edge's listening sockets. As long as somebody
// has them, connections to their addresses wait for an edge, if there is none.
type Sockets struct {
	Production, Staging *os.File
	Secure              *os.File // nil: the edge has none
}

// Close gives the duplicates up.
func (s Sockets) Close() error {
	err := errors.Join(s.Production.Close(), s.Staging.Close())
	if s.Secure != nil {
		err = errors.Join(err, s.Secure.Close())
	}
	return err
}

// getListeners sends the listening sockets with its answer, as SCM_RIGHTS
// (unix(7)): production first, then staging, then, for who asks for it, the secure
// one. Control of an older version expects two.
func (e *Edge) getListeners(w http.ResponseWriter, r *http.Request) {
	var fds []int
	defer func() {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	}()
	listeners := e.deps.listeners()
	if !r.URL.Query().Has("secure") {
		listeners = listeners[:2]
	}
	for _, l := range listeners {
		fd, err := duplicate(l)
		if err != nil {
			fail(w, http.StatusInternalServerError, err)
			return
		}
		fds = append(fds, fd)
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		fail(w, http.StatusInternalServerError, fmt.Errorf("take over connection: %w", err))
		return
	}
	defer conn.Close()
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		return
	}
	// One message: the descriptors travel with its first byte.
	head := "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
	if _, _, err := socket.WriteMsgUnix([]byte(head), unix.UnixRights(fds...), nil); err != nil {
		e.deps.Log.Warn("listeners were not handed over", "error", err)
	}
}

// duplicate returns another descriptor of l's socket. It does not go through
// os.File, whose Fd makes the shared socket blocking, here too.
func duplicate(l net.Listener) (int, error) {
	c, ok := l.(syscall.Conn)
	if !ok {
		return 0, fmt.Errorf("listener %s has no socket", l.Addr())
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("open listener %s: %w", l.Addr(), err)
	}
	var fd int
	var dupErr error
	err = raw.Control(func(own uintptr) {
		fd, dupErr = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err := errors.Join(err, dupErr); err != nil {
		return 0, fmt.Errorf("duplicate listener %s: %w", l.Addr(), err)
	}
	return fd, nil
}

// Listeners returns duplicates of the edge's listening sockets, so that a control
// process that was started again holds them as the one before did. The caller
// closes them.
func (c *Client) Listeners(ctx context.Context) (Sockets, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", c.socket)
	if err != nil {
		return Sockets{}, fmt.Errorf("take listeners from edge: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	files, err := takeFiles(conn)
	if err == nil && len(files) != 2 && len(files) != 3 {
		err = fmt.Errorf("got %d sockets, expected 2 or 3", len(files))
	}
	if err != nil {
		for _, f := range files {
			f.Close()
		}
		return Sockets{}, fmt.Errorf("take listeners from edge: %w", errors.Join(err, ctx.Err()))
	}
	s := Sockets{Production: files[0], Staging: files[1]}
	if len(files) == 3 {
		s.Secure = files[2]
	}
	return s, nil
}

// takeFiles asks for the listeners and collects the descriptors that come with
// the answer. What it returns is open also when there is an error.
func takeFiles(conn net.Conn) ([]*os.File, error) {
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, fmt.Errorf("connection is a %T", conn)
	}
	if _, err := io.WriteString(socket, "GET /listeners?secure HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n"); err != nil {
		return nil, err
	}
	var files []*os.File
	var text bytes.Buffer
	data, rights := make([]byte, 4<<10), make([]byte, unix.CmsgSpace(8*4))
	for {
		n, oobn, _, _, err := socket.ReadMsgUnix(data, rights)
		text.Write(data[:n])
		got, bad := openRights(rights[:oobn])
		files = append(files, got...)
		if errors.Is(err, io.EOF) || n == 0 && err == nil || len(files) > 0 {
			break
		}
		if err := errors.Join(err, bad); err != nil {
			return files, err
		}
	}
	res, err := http.ReadResponse(bufio.NewReader(&text), nil)
	if err != nil {
		return files, fmt.Errorf("read answer: %w", err)
	}
	defer res.Body.Close()
	return files, failure(res)
}

func openRights(oob []byte) ([]*os.File, error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("parse control message: %w", err)
	}
	var files []*os.File
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			return files, fmt.Errorf("parse descriptors: %w", err)
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "listener"))
		}
	}
	return files, nil
}
