package main

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

const usage = "usage: davit-prober [--timeout 2s] [--status 200-399] URL, or davit-prober --wait URL … [--for 30s] -- PROGRAM …"

// options are what the command line says.
type options struct {
	targets     []target
	timeout     time.Duration // of one question
	limit       time.Duration // of waiting
	least, most int           // status that is a good answer
	program     []string      // to become, after waiting
}

func (o options) good(status int) bool { return o.least <= status && status <= o.most }

// parse reads the command line.
func parse(args []string) (options, error) {
	o := options{timeout: 2 * time.Second, limit: 30 * time.Second}
	waiting, values := false, 0
	for len(args) > 0 && args[0] != "--" {
		name, value, inOne := strings.Cut(args[0], "=")
		switch {
		case !strings.HasPrefix(name, "--"):
			name, value, values = "", args[0], values+1
		case !inOne && len(args) < 2:
			return o, errors.New(args[0] + " needs a value; " + usage)
		case !inOne:
			value, args = args[1], args[1:]
		}
		if err := o.set(name, value); err != nil {
			return o, err
		}
		waiting, args = waiting || name == "--wait", args[1:]
	}
	if len(args) > 1 {
		o.program = args[1:]
	}
	if values > 1 || waiting == (values == 1) || waiting != (len(args) > 1) {
		return o, errors.New(usage)
	}
	if o.most == 0 {
		o.least, o.most = 200, 399
		if waiting {
			o.least, o.most = 100, 499
		}
	}
	return o, nil
}

// set takes an option, or the URL, whose name is empty.
func (o *options) set(name, value string) (err error) {
	switch name {
	case "", "--wait":
		var t target
		t, err = parseTarget(value)
		o.targets = append(o.targets, t)
	case "--timeout":
		o.timeout, err = parseTime(value)
	case "--for":
		o.limit, err = parseTime(value)
	case "--status":
		o.least, o.most, err = parseStatus(value)
	default:
		return errors.New(name + " is not an option; " + usage)
	}
	if err != nil && name != "" {
		return errors.New(name + ": " + err.Error())
	}
	return err
}

func parseTime(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, errors.New(strconv.Quote(text) + " is not a time above zero, such as 500ms or 2s")
	}
	return d, nil
}

// parseStatus reads "204" or "200-399".
func parseStatus(text string) (least, most int, err error) {
	from, to, several := strings.Cut(text, "-")
	if !several {
		to = from
	}
	least, err = strconv.Atoi(from)
	if err == nil {
		most, err = strconv.Atoi(to)
	}
	if err != nil || least < 100 || most > 999 || least > most {
		return 0, 0, errors.New(strconv.Quote(text) + " is not a status such as 204, or a range such as 200-399")
	}
	return least, most, nil
}
