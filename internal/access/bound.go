package access

import (
	"log/slog"
	"net"

	"github.com/davit-dev/davit/internal/x/admission"
)

// How many connections those may have open of whom nobody knows yet who they are.
const (
	maxConnections = 512
	// maxFromClient is how many of them one client may have: a quarter, so that nobody
	// alone can keep all others out.
	maxFromClient = maxConnections / 4
)

// Bound returns l with a bound on the connections that are open at a time, in all
// and of one client. What comes above is closed.
func Bound(l net.Listener, log *slog.Logger) net.Listener {
	limits := admission.Limits{Connections: maxConnections, PerClient: maxFromClient}
	return admission.New(l, limits, new(admission.Tally), log)
}
