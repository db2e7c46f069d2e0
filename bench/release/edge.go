package main

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"

	"github.com/davit-dev/davit/internal/release/traffic"
)

// edge is davit's edge as a process of its own, and the way to steer it.
type edge struct {
	*process
	*traffic.Client
	address string
	version uint64
}

// startEdge starts the edge as control does: with its listeners as descriptors.
func (b *bench) startEdge(ctx context.Context) (*edge, error) {
	data, err := os.MkdirTemp(b.dir, "edge-")
	if err != nil {
		return nil, err
	}
	var files []*os.File
	address := ""
	for range 2 {
		var config net.ListenConfig
		l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		file, err := l.(*net.TCPListener).File() //nolint:forcetypeassert // it is TCP
		if address == "" {
			address = l.Addr().String()
		}
		if err = errors.Join(err, l.Close()); err != nil {
			return nil, err
		}
		defer file.Close()
		files = append(files, file)
	}
	p, err := start(b.dir, nil, files, b.davit, "edge", "--data", data)
	if err != nil {
		return nil, err
	}
	e := &edge{process: p, Client: traffic.NewClient(filepath.Join(data, "edge.sock")), address: address}
	return e, eventually(ctx, "the edge answers", func() bool {
		_, err := e.Status(ctx)
		return err == nil
	})
}

// route puts a table with one route, of the app and host "a".
func (e *edge) route(ctx context.Context, stable, canary *traffic.Target, weight float64) error {
	e.version++
	return e.PutTable(ctx, traffic.Table{Version: e.version, Routes: []traffic.Route{{
		App: "a", Version: e.version, Listener: traffic.Production, Hosts: []string{"a"},
		Stable: stable, Canary: canary, Weight: weight,
	}}})
}

func target(label, address string) *traffic.Target {
	return &traffic.Target{Label: label, Addresses: []string{address}}
}
