// Command check measures `davit check`: how far it agrees with hadolint's own
// assertions, and how fast it is beside dockerfilelint and ShellCheck on the same
// files in the same run. Figures of time are shown as ratios: machines differ.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"

	"github.com/davit-dev/davit/internal/check/agree"
)

type options struct {
	files, rounds int
	page          string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var o options
	flag.IntVar(&o.files, "files", 2000, "Dockerfiles to measure with")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of each program")
	flag.StringVar(&o.page, "page", "", "write the agreement into this page, too")
	flag.Parse()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench-check:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	tallies, err := compare(agree.Cases)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		fmt.Printf("SKIP: NOT COMPARED WITH HADOLINT: %v\n", err)
	case err != nil:
		return err
	default:
		printAgreement(os.Stdout, tallies)
		if o.page != "" {
			if err := writeFile(o.page, tallies); err != nil {
				return err
			}
		}
	}
	return speed(ctx, os.Stdout, o)
}

func writeFile(name string, tallies []tally) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(writePage(f, tallies), f.Close())
}
