package app

import (
	"strconv"

	"github.com/davit-dev/davit/internal/release/traffic"
)

// EdgeLimits are the edge's limits that depend on who is in front of it. The zero
// value of each is the edge's default. An edge keeps those that it was started with.
type EdgeLimits struct {
	Connections       int   // of clients, on each listener
	ClientConnections int   // of one address; a proxy in front is one address
	Body              int64 // bytes of a request's body
}

// args returns l as flags of 'davit serve' and of the edge.
func (l EdgeLimits) args() []string {
	var args []string
	for _, limit := range []struct {
		flag  string
		value int64
	}{
		{"--max-connections", int64(l.Connections)},
		{"--max-client-connections", int64(l.ClientConnections)},
		{"--max-body", l.Body},
	} {
		if limit.value != 0 {
			args = append(args, limit.flag, strconv.FormatInt(limit.value, 10))
		}
	}
	return args
}

func (l EdgeLimits) traffic() traffic.Limits {
	return traffic.Limits{Connections: l.Connections, ClientConnections: l.ClientConnections, BodyBytes: l.Body}
}
