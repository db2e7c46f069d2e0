package traffic

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestADyingEdgeIsOutwaited: one that was killed seems to answer for a moment.
// One that lives keeps its socket.
func TestADyingEdgeIsOutwaited(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edge.sock")
	old, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	old.(*net.UnixListener).SetUnlinkOnClose(false) // as a process that is killed leaves it
	if _, err := listenSocket(t.Context(), path); err == nil || !strings.Contains(err.Error(), "another edge answers") {
		t.Errorf("the socket of a living edge was taken: %v", err)
	}
	closed := time.AfterFunc(100*time.Millisecond, func() { _ = old.Close() })
	defer closed.Stop()
	next, err := listenSocket(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Close(); err != nil {
		t.Error(err)
	}
}
