package app

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/x/systemd"
)

// sockets are listeners that a service manager has opened, by name. What is not
// among them is opened here.
type sockets map[string]net.Listener

// The names of the sockets, as FileDescriptorName= in their units.
const (
	pageSocket    = "davit-page"
	edgeSocket    = "davit-edge"
	stagingSocket = "davit-staging"
	edgeTLSSocket = "davit-edge-tls"
)

func socketNames() []string { return []string{edgeSocket, edgeTLSSocket, pageSocket, stagingSocket} }

// isPublic says whether a socket may be open to other machines.
func isPublic(name string) bool { return name == edgeSocket || name == edgeTLSSocket }

// takeSockets takes over what the service manager has opened. The rules for the
// addresses are those of the flags.
func takeSockets() (sockets, error) {
	all, err := systemd.Listeners()
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		switch address := all[name].Addr().String(); {
		case !slices.Contains(socketNames(), name):
			return nil, fmt.Errorf("the service manager has opened the socket %q, and davit knows %s; set FileDescriptorName=",
				name, strings.Join(socketNames(), ", "))
		case !isPublic(name) && !loopback(address):
			return nil, fmt.Errorf("the socket %s is open on %s, which is not a loopback address", name, address)
		}
	}
	return all, nil
}

// listen returns the socket of a name, or opens the address that a flag names.
func (s sockets) listen(ctx context.Context, name, address, flag string) (net.Listener, error) {
	if l := s[name]; l != nil {
		return l, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for %s: %w", flag, err)
	}
	return l, nil
}
