package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
)

// loopback is where instances listen.
const loopback = "127.0.0.1"

// The range that instances listen in. It lies below the one from which the
// kernel takes ports for outgoing connections (ip_local_port_range).
const (
	lowPort  = 20000
	highPort = 32767
)

// freePort finds a port that nobody listens on, and claims it until claim is
// closed: while a program is restarted nobody listens on its port, and another
// instance that took it would answer in its name. The claim is an abstract
// socket (unix(7)): it ends with its process, and its name belongs to the same
// network namespace as the port.
func freePort() (port int, claim io.Closer, err error) {
	const tries = 200
	for range tries {
		port = lowPort + rand.IntN(highPort-lowPort+1)
		if claim, err = claimPort(port); err == nil {
			return port, claim, nil
		}
	}
	return 0, nil, fmt.Errorf("find a port: none of %d between %d and %d is free: %w", tries, lowPort, highPort, err)
}

func claimPort(port int) (io.Closer, error) {
	var listen net.ListenConfig
	claim, err := listen.Listen(context.Background(), "unix", fmt.Sprintf("@davit-port-%d", port))
	if err != nil {
		return nil, err
	}
	l, err := listen.Listen(context.Background(), "tcp", fmt.Sprintf("%s:%d", loopback, port))
	if err != nil {
		return nil, errors.Join(err, claim.Close())
	}
	return claim, l.Close()
}
