package script

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"mvdan.cc/sh/v3/expand"
)

// names is basename or dirname.
func names(cut func(string) string) plan {
	return func(s *Shell, args []string) (action, error) {
		if len(args) != 1 || strings.HasPrefix(args[0], "-") {
			return nil, refuse("a name is cut with one argument only")
		}
		s.print(cut(args[0]) + "\n")
		return nil, nil
	}
}

func echo(s *Shell, args []string) (action, error) {
	end := "\n"
	escapes := s.Stage.System == Debian && !s.Bash // dash
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && strings.Trim(args[0][1:], "neE") == "" {
		if strings.Contains(args[0], "n") {
			end = ""
		}
		if strings.ContainsAny(args[0], "eE") {
			if escapes {
				return nil, refuse("echo -e prints the flag in Debian's sh; use printf")
			}
			escapes = strings.Contains(args[0], "e")
		}
		args = args[1:]
	}
	text := strings.Join(args, " ")
	if escapes && strings.Contains(text, `\`) {
		formatted, _, err := expand.Format(s.expansion(context.Background()), strings.ReplaceAll(text, "%", "%%"), nil)
		if err != nil {
			return nil, refuse("echo: %v", err)
		}
		text = formatted
	}
	s.print(text + end)
	return nil, nil
}

func printf(s *Shell, args []string) (action, error) {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return nil, refuse("printf is understood with a format")
	}
	for first, rest := true, args[1:]; first || len(rest) > 0; first = false {
		formatted, used, err := expand.Format(s.expansion(context.Background()), args[0], rest)
		if err != nil {
			return nil, refuse("printf: %v", err)
		}
		s.print(formatted)
		if used == 0 {
			break
		}
		rest = rest[min(used, len(rest)):]
	}
	return nil, nil
}

// cat prints files, or the heredoc that it is given.
func cat(s *Shell, args []string) (action, error) {
	o, err := grammar{command: "cat"}.parse(args)
	if err != nil {
		return nil, err
	}
	input := s.input
	if s.rehearsal() {
		s.print("0")
	}
	return func(ctx context.Context) (int, error) {
		if len(o.names) == 0 {
			s.print(input)
		}
		for _, name := range o.names {
			if s.out == nil && s.servesOnlyTheBuild(s.abs(name)) {
				continue
			}
			data, err := s.Tree.ReadFile(ctx, s.abs(name))
			if err != nil {
				return 1, err
			}
			s.print(string(data))
		}
		return 0, nil
	}, nil
}

// list is ls. Names are printed; what else it can print depends on the machine.
func list(s *Shell, args []string) (action, error) {
	o, err := grammar{command: "ls", letters: "lahARrtS1dF"}.parse(args)
	if err != nil {
		return nil, err
	}
	if s.out != nil && (len(o.values) > 0 || len(o.names) > 1) {
		return nil, refuse("what ls with flags or several names prints is not understood")
	}
	if len(o.names) == 0 {
		o.names = []string{"."}
	}
	return func(ctx context.Context) (int, error) {
		for _, name := range o.names {
			i, err := s.Tree.Stat(ctx, s.abs(name))
			if err != nil {
				return 1, err
			}
			if s.out == nil {
				continue
			}
			names := []string{name}
			if i.Dir {
				if names, err = s.Tree.ReadDir(ctx, s.abs(name)); err != nil {
					return 1, err
				}
			}
			for _, n := range names {
				s.print(n + "\n")
			}
		}
		return 0, nil
	}, nil
}

func pwd(s *Shell, _ []string) (action, error) {
	s.print(s.Dir + "\n")
	return nil, nil
}

func uname(s *Shell, args []string) (action, error) {
	machines := map[string]string{
		"amd64": "x86_64", "arm64": "aarch64", "386": "i686", "arm": "armv" + s.Stage.ARM + "l",
		"riscv64": "riscv64", "ppc64le": "ppc64le", "s390x": "s390x",
	}
	switch machine := machines[s.Stage.Arch]; {
	case len(args) == 0 || len(args) == 1 && args[0] == "-s":
		s.print("Linux\n")
	case len(args) == 1 && args[0] == "-m" && machine != "":
		s.print(machine + "\n")
	default:
		return s.printed("uname")
	}
	return nil, nil
}

// content returns what a file holds for a command that changes it.
func (s *Shell) content(ctx context.Context, name string) ([]byte, error) {
	r, err := s.Tree.Open(ctx, s.abs(name))
	if err != nil {
		return nil, err
	}
	var data bytes.Buffer
	_, err = io.Copy(&data, io.LimitReader(r, mostFile+1))
	if err = errors.Join(err, r.Close()); err == nil && data.Len() > mostFile {
		err = &usageError{fmt.Sprintf("%s: larger than %d bytes", name, mostFile)}
	}
	return data.Bytes(), err
}

// mostFile bounds what is edited, in bytes.
const mostFile = 16 << 20
