package script

import (
	"context"
	"io"
	"path"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// action does what a command is for, and returns its status.
type action func(ctx context.Context) (int, error)

// plan looks at the arguments of a command, without its name. It refuses those
// that it does not understand.
type plan func(s *Shell, args []string) (action, error)

// commands are those that are understood.
func commands() map[string]plan {
	return map[string]plan{
		":": nothing, "true": nothing, "sync": nothing, "hash": nothing, "umask": umask,
		"false": fails, "exit": exits, "set": sets, "cd": changeDir, "env": withEnv, "command": commandWord,
		"export": export, "readonly": export, "unset": unset, "echo": echo, "printf": printf, "cat": cat, "ls": list, "pwd": pwd, "uname": uname,
		"basename": names(path.Base), "dirname": names(path.Dir),
		"which": which, "test": test, "[": test, "mkdir": mkdir, "rmdir": rmdir, "touch": touch, "rm": remove,
		"cp": copyFiles, "mv": move, "ln": symlink, "chmod": chmod, "chown": chown, "chgrp": chgrp,
		"install": install, "sed": sed, "find": find, "go": goCommand, "make": makeCommand, "gmake": makeCommand, "git": git, "date": date,
		"apk": apk, "apt-get": apt, "apt": apt, "update-ca-certificates": updateRoots,
		"head": ends("head", firstLines), "tail": ends("tail", lastLines), "cut": filtering(cut), "tr": filtering(translate),
		"grep": filtering(grep), "egrep": filtering(func(args []string) (filter, []string, error) { return grep(append([]string{"-E"}, args...)) }),
		"awk": filtering(awk), "sort": filtering(sortLines), "wc": filtering(countLines), "nproc": nproc, "whoami": whoami, "id": id, "hostname": hostname,
		"du": looked("hsdackm"), "stat": looked("L"), "sleep": nothing, "dpkg": dpkg, "tee": tee,
		"sh": shellLine(false), "ash": shellLine(false), "dash": shellLine(false), "bash": shellLine(true),
		"adduser": adduser, "addgroup": addgroup, "useradd": useradd, "groupadd": groupadd,
	}
}

// find returns what the words of a command do; nil for nothing.
func (s *Shell) find(args []string) (action, error) {
	name := args[0]
	for _, dir := range []string{"/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/", "/usr/local/go/bin/"} {
		if base, found := strings.CutPrefix(name, dir); found && !strings.Contains(base, "/") {
			name = base
		}
	}
	known, found := commands()[name]
	if !found {
		return nil, unknown(name)
	}
	return known(s, args[1:])
}

// unknown says what to do about some commands that are often seen.
func unknown(name string) error {
	e := &RefusalError{Reason: name + " is not understood"}
	switch path.Base(name) {
	case "mage", "task", "just":
		e.Reason = name + " runs recipes of the repository"
		e.Hint = "write the go build command that it ends in into the Dockerfile"
	case "npm", "yarn", "pnpm", "node", "npx", "bun":
		e.Reason = name + " builds with Node.js"
		e.Hint = "build the web files beforehand and copy them, or let BuildKit, Docker or Podman build it"
	case "curl", "wget":
		e.Reason = name + " downloads files"
		e.Hint = "use a Go module or a file of the repository instead"
	case "upx", "strip":
		e.Reason = name + " changes a program behind the linker"
		e.Hint = `go build -ldflags="-s -w" leaves the symbols out, and images are compressed anyway`
	case "eval", "source", ".", "exec":
		e.Reason = name + " runs other lines or files"
	default:
		if strings.Contains(name, "/") {
			e.Reason = name + " is a program of the image or the repository"
		}
	}
	return e
}

func (s *Shell) print(text string) {
	if s.out != nil {
		_, _ = io.WriteString(s.out, text) // a buffer does not fail
	}
}

func nothing(*Shell, []string) (action, error) { return nil, nil }

// nproc counts the processors of this machine, which images do not depend on.
func nproc(s *Shell, _ []string) (action, error) {
	s.print(strconv.Itoa(runtime.NumCPU()) + "\n")
	return nil, nil
}

// umask is understood where it says what holds anyway.
func umask(_ *Shell, args []string) (action, error) {
	if len(args) == 1 && strings.TrimLeft(args[0], "0") == "22" {
		return nil, nil
	}
	return nil, refuse("umask is not understood")
}

func fails(*Shell, []string) (action, error) {
	return func(context.Context) (int, error) { return 1, nil }, nil
}

func exits(_ *Shell, args []string) (action, error) {
	status := 0
	if len(args) > 0 && args[0] != "0" {
		status = 1
	}
	return func(context.Context) (int, error) { return status, &exitError{status} }, nil
}

// sets understands set -eux and set -o pipefail.
func sets(s *Shell, args []string) (action, error) {
	for i := 0; i < len(args); i++ {
		word := args[i]
		if len(word) < 2 || word[0] != '-' && word[0] != '+' || strings.Trim(word[1:], "euvxo") != "" {
			return nil, refuse("set %s is not understood", strings.Join(args, " "))
		}
		letters := word[1:]
		if strings.Contains(letters, "o") {
			if i++; i >= len(args) {
				return nil, refuse("set -o without a name is not understood")
			}
			letter, known := map[string]string{"pipefail": "P", "errexit": "e", "nounset": "u", "xtrace": "x"}[args[i]]
			if !known {
				return nil, refuse("set -o %s is not understood", args[i])
			}
			letters += letter
		}
		on := word[0] == '-'
		if strings.Contains(letters, "P") {
			s.pipefail = on
		}
		if strings.Contains(letters, "e") {
			s.errexit = on
		}
		if strings.Contains(letters, "u") {
			s.nounset = on
		}
	}
	return nil, nil
}

func changeDir(s *Shell, args []string) (action, error) {
	if len(args) != 1 || strings.HasPrefix(args[0], "-") {
		return nil, refuse("cd is understood with the name of one folder")
	}
	to := s.abs(args[0])
	if s.rehearsal() {
		s.Dir = to
		return nil, nil
	}
	return func(ctx context.Context) (int, error) {
		i, err := s.Tree.Stat(ctx, to)
		if err != nil {
			return 1, err
		}
		if !i.Dir {
			return 1, &usageError{to + ": not a folder"}
		}
		s.Dir = to
		return 0, nil
	}, nil
}

// withEnv is env NAME=value command.
func withEnv(s *Shell, args []string) (action, error) {
	in := s.inner()
	for len(args) > 0 {
		name, value, found := strings.Cut(args[0], "=")
		if !found || strings.HasPrefix(name, "-") {
			break
		}
		if err := in.assign(name, value, true); err != nil {
			return nil, err
		}
		args = args[1:]
	}
	if len(args) == 0 {
		return s.printed("env")
	}
	if args[0] == "cd" || strings.HasPrefix(args[0], "-") {
		return nil, refuse("env %s is not understood", args[0])
	}
	return in.find(args)
}

func commandWord(s *Shell, args []string) (action, error) {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return nil, refuse("command -v asks what the image has")
	}
	return s.find(args)
}

func unset(s *Shell, args []string) (action, error) {
	for _, name := range args {
		if strings.HasPrefix(name, "-") {
			return nil, refuse("unset %s is not understood", name)
		}
		if !s.rehearsal() {
			delete(s.vars, name)
			delete(s.Env, name)
		}
	}
	return nil, nil
}

// printed is a command that only prints what nobody may look at.
func (s *Shell) printed(what string) (action, error) {
	if s.out != nil {
		return nil, refuse("what %s prints is not the same on each machine", what)
	}
	return nil, nil
}

func which(s *Shell, args []string) (action, error) {
	if len(args) == 1 && args[0] == "go" && s.Stage.Golang {
		s.print("/usr/local/go/bin/go\n")
		return nil, nil
	}
	return nil, refuse("which asks what the image has")
}

// export is that of a POSIX shell, which knows no other words for it.
func export(s *Shell, args []string) (action, error) {
	for _, word := range args {
		name, value, found := strings.Cut(word, "=")
		if !variableName.MatchString(name) {
			return nil, refuse("export %s is not understood", word)
		}
		if !found {
			if value, found = s.lookup(name); !found {
				continue
			}
		}
		if err := s.assign(name, value, true); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
