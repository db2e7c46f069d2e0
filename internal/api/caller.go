package api

import (
	"context"
	"fmt"
	"net"
	"os/user"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/davit-dev/davit/internal/access"
)

// Caller is who asks, and what they may.
type Caller struct {
	Name string      `json:"name"` // as the journal names them
	Role access.Role `json:"role"`
	Apps []string    `json:"apps,omitempty"` // that they may touch; empty: all
}

type callerKey struct{}

// WithCaller returns a context in which c asks.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf returns who asks. It is nobody, who may do nothing, when that was never
// said.
func CallerOf(ctx context.Context) Caller {
	if c, ok := ctx.Value(callerKey{}).(Caller); ok {
		return c
	}
	return Caller{Name: "unknown"}
}

// actor is how the journal names who asks.
func actor(ctx context.Context) string { return CallerOf(ctx).Name }

// HolderOf is the caller who holds a token.
func HolderOf(t access.Token) Caller {
	return Caller{Name: t.Actor(), Role: t.Role, Apps: t.Apps}
}

// ConnContext remembers who is at the other end of a unix socket, by the
// kernel's word (SO_PEERCRED). Who can open it may do everything. It is meant for
// http.Server.ConnContext.
func ConnContext(ctx context.Context, conn net.Conn) context.Context {
	return WithCaller(ctx, Caller{Name: peer(conn), Role: access.Admin})
}

// Covers reports whether the caller may touch an app.
func (c Caller) Covers(app string) bool { return len(c.Apps) == 0 || slices.Contains(c.Apps, app) }

// Need refuses a caller whose role is not enough.
func (c Caller) Need(role access.Role) error {
	if c.Role.Includes(role) {
		return nil
	}
	return &Error{
		Code: CodeForbidden, Message: fmt.Sprintf("%s has the role %q, and this needs %q", c.Name, c.Role, role),
		Hint: "'davit token create NAME --role " + string(role) + "' makes a token that may do it",
	}
}

// NeedApp refuses a caller who may not touch an app.
func (c Caller) NeedApp(app string) error {
	if c.Covers(app) {
		return nil
	}
	return &Error{Code: CodeForbidden, Message: fmt.Sprintf("%s is not for the app %q", c.Name, app)}
}

// NeedAll refuses a caller who may touch some apps only.
func (c Caller) NeedAll() error {
	if len(c.Apps) == 0 {
		return nil
	}
	return &Error{Code: CodeForbidden, Message: c.Name + " is for some apps, and this is about all of them"}
}

func peer(conn net.Conn) string {
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		return "unknown"
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return "unknown"
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err != nil || credErr != nil {
		return "unknown"
	}
	uid := strconv.FormatUint(uint64(cred.Uid), 10)
	if u, err := user.LookupId(uid); err == nil {
		return u.Username
	}
	return fmt.Sprintf("uid %s", uid)
}
