package script

import (
	"context"
	"strconv"
	"strings"
)

// looked is a command that prints what it finds out about files, for people: it
// only has to find them.
func looked(letters string) plan {
	return func(s *Shell, args []string) (action, error) {
		o, err := grammar{command: "du", letters: letters}.parse(args)
		if err != nil {
			return nil, err
		}
		if _, err := s.printed("du or stat"); err != nil {
			return nil, err
		}
		return func(ctx context.Context) (int, error) {
			for _, name := range o.names {
				if _, err := s.Tree.Lstat(ctx, s.abs(name)); err != nil {
					return 1, err
				}
			}
			return 0, nil
		}, nil
	}
}

// dpkg says which architecture the image has, in Debian's words.
func dpkg(s *Shell, args []string) (action, error) {
	name, known := map[string]string{
		"amd64": "amd64", "arm64": "arm64", "386": "i386", "arm": "armhf", "ppc64le": "ppc64el", "s390x": "s390x", "riscv64": "riscv64",
	}[s.Stage.Arch]
	if len(args) != 1 || args[0] != "--print-architecture" || !known || s.Stage.System != Debian {
		return nil, refuse("dpkg %s is not understood", strings.Join(args, " "))
	}
	s.print(name + "\n")
	return nil, nil
}

// tee writes what it reads into files, and prints it.
func tee(s *Shell, args []string) (action, error) {
	o, err := grammar{command: "tee", letters: "a"}.parse(args)
	if err != nil {
		return nil, err
	}
	if s.rehearsal() {
		s.print("0\n")
		return nil, o.atLeast(1)
	}
	input := s.input
	write, err := o.each(s, func(ctx context.Context, name string) error {
		var before []byte
		if o.has("a") {
			data, err := s.Tree.ReadFile(ctx, name)
			if err != nil && !isOrdinary(err) {
				return err
			}
			before = data
		}
		return s.Tree.Write(ctx, name, append(before, input...), s.User)
	})
	return func(ctx context.Context) (int, error) {
		s.print(input)
		return write(ctx)
	}, err
}

// shellLine is sh -c or bash -c with a line.
func shellLine(bash bool) plan {
	return func(s *Shell, args []string) (action, error) {
		flags, ok := "", false
		if len(args) == 2 && len(args[0]) > 1 && args[0][0] == '-' {
			flags, ok = strings.CutSuffix(args[0][1:], "c")
		}
		switch {
		case !ok || strings.Trim(flags, "eux") != "":
			return nil, refuse("a shell is understood with -c and a line")
		case bash && !s.Stage.has("bash"):
			return nil, refuse("the image has no bash")
		case s.nested >= mostMakes:
			return nil, refuse("shells run shells more than %d times", mostMakes)
		}
		run := func(ctx context.Context) (int, error) {
			in := s.inner()
			defer func() { s.back(in) }()
			in.Bash, in.errexit, in.nounset, in.pipefail, in.tested = bash, false, false, false, 0
			in.nested++
			in.Set(flags)
			return in.start(ctx, args[1])
		}
		if s.rehearsal() {
			_, err := run(context.Background())
			return nil, err
		}
		return run, nil
	}
}

func whoami(s *Shell, args []string) (action, error) {
	if s.User.UID != 0 || len(args) > 0 {
		return nil, refuse("whoami is understood for root")
	}
	s.print("root\n")
	return nil, nil
}

// id prints one of the numbers of the user, or the name of root.
func id(s *Shell, args []string) (action, error) {
	switch strings.ReplaceAll(strings.Join(args, ""), "-", "") {
	case "u":
		s.print(strconv.Itoa(s.User.UID) + "\n")
	case "g":
		s.print(strconv.Itoa(s.User.GID) + "\n")
	case "un", "nu":
		return whoami(s, nil)
	default:
		return nil, refuse("id %s is not understood", strings.Join(args, " "))
	}
	return nil, nil
}

// hostname prints the name that BuildKit gives to the machine that RUN lines see.
func hostname(s *Shell, args []string) (action, error) {
	if len(args) > 1 || len(args) == 1 && args[0] != "-s" {
		return nil, refuse("hostname %s is not understood", strings.Join(args, " "))
	}
	s.print(s.Stage.Hostname + "\n")
	return nil, nil
}
