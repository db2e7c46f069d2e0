// Command release measures davit's edge and loop, side by side with Caddy and nginx
// in one run, and prints the figures beside the bars they have to reach. It builds
// Caddy through the Go proxy and takes nginx from PATH. Everything listens on
// loopback. Rounds of the peers lie next to each other and the ratios are medians,
// since machines are noisy; costs are CPU time of the proxies alone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

type options struct {
	rounds   int
	requests int64
	apps     int
	deaths   int
	runs     int
	only     string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "rounds of each proxy")
	flag.Int64Var(&o.requests, "requests", 1_000_000, "least number of requests over all swaps")
	flag.IntVar(&o.apps, "apps", 100, "apps that control has while it is idle")
	flag.IntVar(&o.deaths, "kills", 300, "how often control is killed")
	flag.IntVar(&o.runs, "runs", 10_000, "releases that are simulated")
	flag.StringVar(&o.only, "only", "", "measure one part alone: proxies, split, hostile, swaps, kills, verdict, loop or idle")
	flag.Parse()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench-release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "davit-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bench{options: o, dir: dir}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	t := &table{out: os.Stdout}
	for _, part := range []struct {
		name string
		run  func(context.Context, *table) error
	}{
		{"proxies", b.proxies},
		{"split", b.split},
		{"hostile", b.hostile},
		{"swaps", b.swaps},
		{"kills", b.kills},
		{"verdict", b.verdict},
		{"loop", b.loop},
		{"idle", b.idle},
	} {
		if o.only != "" && o.only != part.name {
			continue
		}
		t.head(part.name)
		if err := part.run(ctx, t); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}
