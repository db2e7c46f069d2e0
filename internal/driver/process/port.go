package process

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// The range that instances listen in. It lies below the one from which the
// kernel takes ports for outgoing connections (ip_local_port_range).
const (
	lowPort  = 20000
	highPort = 32767
)

// freePort finds a port that nobody listens on.
func freePort() (int, error) {
	const tries = 200
	for range tries {
		port := lowPort + rand.IntN(highPort-lowPort)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)) //nolint:noctx // it does not wait
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("find a port: none of %d between %d and %d is free", tries, lowPort, highPort)
}
