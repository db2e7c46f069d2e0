package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"golang.org/x/sys/unix"
)

const (
	// othersRate is what the others ask for, in requests a second.
	othersRate                                          = 500
	idleClients, slowClients, resetClients, hugeClients = 10_000, 500, 5, 5
	addresses                                           = 8 // that a crowd comes from; one has a quarter of all places
)

// attack is what clients do that mean harm. It returns when they are at work, and
// they go on until the context ends.
type attack struct {
	name  string
	begin func(ctx context.Context, crowd *crowd) error
}

// hostile holds the 99th percentile of the others' requests while the edge is
// attacked against that while the same attackers are busy with a listener that
// ignores them: they, the others and the app are on this machine, too, and against
// the calm an attack would cost their own time as well.
func (b *bench) hostile(ctx context.Context, t *table) (err error) {
	server := sized()
	defer server.Close()
	e, err := b.startEdge(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.stop()) }()
	if err := e.route(ctx, target("r1", server.Listener.Addr().String()), nil, 0); err != nil {
		return err
	}
	clients, err := idleCount()
	if err != nil {
		return err
	}
	for _, a := range []attack{
		{fmt.Sprintf("%d idle connections", clients), idling(clients)},
		{fmt.Sprintf("slowloris on %d connections", slowClients), dripping},
		{fmt.Sprintf("rapid reset, %d requests/s", resetClients*resetBatch*beats), resetting},
		{fmt.Sprintf("headers of 1 MB, %d requests/s", hugeClients*beats), huge},
	} {
		var overBusy, overCalm []float64
		for range b.rounds {
			p, err := b.beside(ctx, a, e)
			if err != nil {
				return fmt.Errorf("%s: %w", a.name, err)
			}
			overBusy = append(overBusy, p.attacked.Seconds()/p.busy.Seconds())
			overCalm = append(overCalm, p.attacked.Seconds()/p.calm.Seconds())
		}
		t.most("others' 99th percentile beside "+a.name, median(overBusy), 1.1, "×")
		t.note("  over that of the calm", median(overCalm), "×")
	}
	return nil
}

// idleCount is how many connections the edge and this program have descriptors for.
func idleCount() (int, error) {
	const spare = 500
	var files unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files)
	return int(min(idleClients, (files.Cur-spare)/2)), err
}

// percentiles are the others' 99th ones: without attackers, with attackers who are
// ignored elsewhere, and with attackers of the edge.
type percentiles struct{ calm, busy, attacked time.Duration }

func (b *bench) beside(ctx context.Context, a attack, e *edge) (p percentiles, err error) {
	s, err := ignoring(ctx)
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if p.calm, err = others(ctx, e); err != nil {
		return p, err
	}
	if p.busy, err = b.under(ctx, a, s.Addr().String(), e); err != nil {
		return p, err
	}
	p.attacked, err = b.under(ctx, a, e.address, e)
	return p, err
}

// others returns the 99th percentile of the others' requests to the edge.
func others(ctx context.Context, e *edge) (time.Duration, error) {
	return open(ctx, e.address, "a", 1<<10, othersRate, heat)
}

// under returns it while an address is attacked.
func (b *bench) under(ctx context.Context, a attack, address string, e *edge) (_ time.Duration, err error) {
	attacked, stop := context.WithCancel(ctx)
	crowd := &crowd{address: address}
	defer func() {
		stop()
		crowd.group.Wait()
		err = errors.Join(err, e.deserted(ctx))
	}()
	if err := a.begin(attacked, crowd); err != nil {
		return 0, err
	}
	return others(ctx, e)
}

// patience is after how many bytes a listener that ignores a client hangs up.
const patience = 256 << 10

// ignoring listens, answers every connection with a byte and throws away what it says.
func ignoring(ctx context.Context) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // it was closed
			}
			go func() {
				defer conn.Close()
				_, _ = conn.Write([]byte("\n"))
				_, _ = io.CopyN(io.Discard, conn, patience)
			}()
		}
	}()
	return l, nil
}

// deserted waits until the edge has done with the attackers' connections.
func (e *edge) deserted(ctx context.Context) error {
	return eventually(ctx, "the edge is idle again", func() bool {
		before, err := e.cpu()
		time.Sleep(time.Second / 2)
		after, again := e.cpu()
		return err == nil && again == nil && after-before < time.Second/20
	})
}

// crowd is where attackers come from.
type crowd struct {
	address string // of what they attack
	group   sync.WaitGroup
}

// dial connects as the nth attacker until the context ends.
func (c *crowd) dial(ctx context.Context, n int) (net.Conn, error) {
	from := &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+n%addresses))}
	conn, err := (&net.Dialer{LocalAddr: from}).DialContext(ctx, "tcp", c.address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() }) // nothing of it is needed any more
	return conn, nil
}

// again lets attackers, each at a moment of its own, do something over and over on a
// new connection, whatever becomes of it.
func (c *crowd) again(ctx context.Context, attackers int, do func(ctx context.Context, conn net.Conn)) error {
	for n := range attackers {
		conn, err := c.dial(ctx, n)
		if err != nil {
			return err
		}
		c.group.Go(func() {
			pause(ctx, time.Second*time.Duration(n)/time.Duration(attackers*beats))
			for ctx.Err() == nil {
				do(ctx, conn)
				_ = conn.Close()
				if conn, err = c.dial(ctx, n); err != nil {
					return
				}
			}
		})
	}
	return nil
}

// idling keeps connections open that were used once.
func idling(clients int) func(context.Context, *crowd) error {
	return func(ctx context.Context, c *crowd) error {
		for n := range clients {
			conn, err := c.dial(ctx, n)
			if err != nil {
				return err
			}
			if _, err := io.WriteString(conn, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
				return err
			}
			if _, err := conn.Read(make([]byte, 1)); err != nil {
				return fmt.Errorf("connection %d: %w", n, err)
			}
		}
		return nil
	}
}

// beats is how often in a second an attacker does its worst.
const beats = 4

// beat calls do at the attackers' pace until it fails or the context ends.
func beat(ctx context.Context, do func() error) {
	tick := time.NewTicker(time.Second / beats)
	defer tick.Stop()
	for do() == nil {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// dripping never comes to the end of its headers.
func dripping(ctx context.Context, c *crowd) error {
	return c.again(ctx, slowClients, func(ctx context.Context, conn net.Conn) {
		_, _ = io.WriteString(conn, "GET /1 HTTP/1.1\r\nHost: a\r\n") // the next write shows it
		beat(ctx, func() error {
			_, err := io.WriteString(conn, "X: y\r\n")
			return err
		})
	})
}

// resetBatch is how many requests are begun and given up at once.
const resetBatch = 100

// resetting gives requests up as soon as they are sent (CVE-2023-44487).
func resetting(ctx context.Context, c *crowd) error {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "http"}, {Name: ":authority", Value: "a"}, {Name: ":path", Value: "/1"}} {
		if err := encoder.WriteField(f); err != nil {
			return err
		}
	}
	return c.again(ctx, resetClients, func(ctx context.Context, conn net.Conn) {
		go func() { _, _ = io.Copy(io.Discard, conn) }() // until it is closed
		framer := http2.NewFramer(conn, nil)
		_, _ = io.WriteString(conn, http2.ClientPreface) // the next write shows it
		_ = framer.WriteSettings()
		stream := uint32(1)
		beat(ctx, func() (err error) {
			for range resetBatch {
				err = errors.Join(err,
					framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}),
					framer.WriteRSTStream(stream, http2.ErrCodeCancel))
				stream += 2
			}
			return err
		})
	})
}

// huge sends a megabyte of fields, on a connection for each.
func huge(ctx context.Context, c *crowd) error {
	request := []byte("GET /1 HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", 1<<20/6) + "\r\n")
	return c.again(ctx, hugeClients, func(ctx context.Context, conn net.Conn) {
		_, _ = conn.Write(request) // it is refused before its end
		pause(ctx, time.Second/beats)
	})
}

func pause(ctx context.Context, length time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(length):
	}
}
