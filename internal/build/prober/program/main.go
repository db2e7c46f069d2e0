// Command prober asks whether a service answers, and waits for others before it
// starts one: for images that have neither a shell nor curl.
//
//	davit-prober [--timeout 2s] [--status 200-399] URL
//	davit-prober --wait URL … [--for 30s] [--timeout 2s] -- PROGRAM ARGUMENT …
//
// The first form exits with 0 when URL answers well, else with 1 and a line on
// standard error. The second becomes PROGRAM, in the same process, as soon as
// every URL has answered; a status below 500 is enough, as for run.wait.
//
// A URL is http://HOST:PORT/PATH or tcp://HOST:PORT. $NAME, ${NAME} and $(NAME)
// in it are variables of the environment. There is no TLS in it, and it speaks
// HTTP by itself: with net/http it would be three times as large.
package main

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		_, _ = os.Stderr.WriteString("davit-prober: " + err.Error() + "\n")
		os.Exit(1) // Docker keeps the others to itself
	}
}

func run(args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if len(o.program) == 0 {
		return o.targets[0].ask(o.timeout, o.good)
	}
	if err := waitAll(o); err != nil {
		return err
	}
	path, err := find(o.program[0])
	if err == nil {
		err = syscall.Exec(path, o.program, os.Environ())
	}
	return errors.New("start " + o.program[0] + ": " + err.Error())
}

// waitAll asks the targets in turn, each until it answers.
func waitAll(o options) error {
	const pause = 100 * time.Millisecond
	deadline := time.Now().Add(o.limit)
	for _, t := range o.targets {
		for last := error(nil); ; {
			err := t.ask(min(o.timeout, time.Until(deadline)), o.good)
			if err == nil {
				break
			}
			left := time.Until(deadline)
			if last == nil || left > 0 { // the last try may have been cut short, which says nothing
				last = err
			}
			if left <= 0 {
				return errors.New(t.text + " does not answer: " + last.Error())
			}
			time.Sleep(min(pause, left))
		}
	}
	return nil
}

// find looks a program up on PATH.
func find(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for dir, rest := "", os.Getenv("PATH"); rest != ""; {
		dir, rest, _ = strings.Cut(rest, ":")
		path := dir + "/" + name
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", errors.New("it is not on PATH")
}
