package recipe

import (
	"context"
	"fmt"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/davit-dev/davit/internal/build/recipe/script"
	"github.com/davit-dev/davit/internal/build/recipe/tree"
)

// configure executes an instruction that changes nothing but the configuration
// of the image.
func (s *stage) configure(cmd instructions.Command) error {
	switch c := cmd.(type) {
	case *instructions.EnvCommand:
		for _, kv := range c.Env {
			s.env.set(kv.Key, kv.Value)
			s.setEnv(kv.Key, kv.Value)
		}
	case *instructions.LabelCommand:
		if s.config.Labels == nil {
			s.config.Labels = map[string]string{}
		}
		for _, kv := range c.Labels {
			s.config.Labels[kv.Key] = kv.Value
		}
	case *instructions.MaintainerCommand:
		s.author = c.Maintainer
	case *instructions.CmdCommand:
		s.config.Cmd, s.config.ArgsEscaped, s.cmdSet = s.commandLine(c.ShellDependantCmdLine), true, true
	case *instructions.EntrypointCommand:
		s.config.Entrypoint = s.commandLine(c.ShellDependantCmdLine)
		if !s.cmdSet {
			s.config.Cmd = nil
		}
	case *instructions.ExposeCommand:
		return s.expose(c)
	case *instructions.UserCommand:
		s.config.User = c.User
	case *instructions.VolumeCommand:
		return s.volumes(c)
	case *instructions.StopSignalCommand:
		s.config.StopSignal = c.Signal
	case *instructions.HealthCheckCommand:
		return s.health(c)
	default:
		return refuse("%s is not understood", strings.ToUpper(cmd.Name()))
	}
	return nil
}

func (s *stage) setEnv(name, value string) {
	at := slices.IndexFunc(s.config.Env, func(word string) bool { return strings.HasPrefix(word, name+"=") })
	if at < 0 {
		s.config.Env = append(s.config.Env, name+"="+value)
		return
	}
	s.config.Env[at] = name + "=" + value
}

// commandLine puts the shell before a line that is not in the form of a list.
func (s *stage) commandLine(c instructions.ShellDependantCmdLine) []string {
	if !c.PrependShell {
		return c.CmdLine
	}
	if len(s.config.Shell) > 0 {
		return append(slices.Clone(s.config.Shell), strings.Join(c.CmdLine, " "))
	}
	return []string{"/bin/sh", "-c", strings.Join(c.CmdLine, " ")}
}

func (s *stage) volumes(c *instructions.VolumeCommand) error {
	if s.config.Volumes == nil {
		s.config.Volumes = map[string]struct{}{}
	}
	for _, v := range c.Volumes {
		if v == "" {
			return refuse("VOLUME without a name")
		}
		s.config.Volumes[v] = struct{}{}
	}
	return nil
}

func (s *stage) health(c *instructions.HealthCheckCommand) error {
	if c.Health.StartInterval != 0 {
		return refuse("HEALTHCHECK --start-interval is not understood")
	}
	s.config.Healthcheck = &v1.HealthConfig{
		Test: c.Health.Test, Interval: c.Health.Interval, Timeout: c.Health.Timeout,
		StartPeriod: c.Health.StartPeriod, Retries: c.Health.Retries,
	}
	return nil
}

// expose reads ports: "80", "53/udp", "8000-8010", "127.0.0.1:80:80".
func (s *stage) expose(c *instructions.ExposeCommand) error {
	if s.config.ExposedPorts == nil {
		s.config.ExposedPorts = map[string]struct{}{}
	}
	for _, word := range c.Ports {
		ports, err := s.file.lex.ProcessWords(word, s.env)
		if err != nil {
			return err
		}
		for _, port := range ports {
			if err := s.exposePort(port); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *stage) exposePort(text string) error {
	ports, protocol, _ := strings.Cut(text, "/")
	if protocol == "" {
		protocol = "tcp"
	}
	if _, inner, err := net.SplitHostPort(ports); err == nil {
		ports = inner
	}
	first, last, isRange := strings.Cut(ports, "-")
	if !isRange {
		last = first
	}
	from, err := strconv.ParseUint(first, 10, 16)
	to, err2 := strconv.ParseUint(last, 10, 16)
	protocol = strings.ToLower(protocol)
	if err != nil || err2 != nil || from > to || !slices.Contains([]string{"tcp", "udp", "sctp"}, protocol) {
		return refuse("EXPOSE %s is not a port", text)
	}
	for port := from; port <= to; port++ {
		s.config.ExposedPorts[fmt.Sprintf("%d/%s", port, protocol)] = struct{}{}
	}
	return nil
}

// workdir changes the working folder and makes it.
func (s *stage) workdir(ctx context.Context, c *instructions.WorkdirCommand) error {
	if c.Path == "" {
		return refuse("WORKDIR without a name")
	}
	s.config.WorkingDir = path.Clean(s.abs(c.Path))
	if s.tree == nil {
		s.known.folder(s.config.WorkingDir)
		return nil
	}
	owner, err := s.user(ctx)
	if err != nil {
		return err
	}
	return s.tree.MkdirAll(ctx, s.config.WorkingDir, 0o755, owner)
}

// user is who instructions run as.
func (s *stage) user(ctx context.Context) (tree.Owner, error) {
	if s.config.User == "" {
		return tree.Owner{}, nil
	}
	name, group, _ := strings.Cut(s.config.User, ":")
	uid, gid, err := script.Lookup(ctx, s.tree, name, group)
	return tree.Owner{UID: uid, GID: gid}, err
}

// shell accepts the shells that lines are understood for.
func (s *stage) shell(c *instructions.ShellCommand) error {
	if len(c.Shell) < 2 || c.Shell[len(c.Shell)-1] != "-c" && !strings.HasSuffix(c.Shell[len(c.Shell)-1], "c") {
		return refuse("SHELL %q is not understood", c.Shell)
	}
	switch path.Base(c.Shell[0]) {
	case "sh", "bash", "ash", "dash":
	default:
		return refuse("SHELL %q is not understood", c.Shell)
	}
	if _, err := shellFlags(c.Shell); err != nil {
		return err
	}
	s.config.Shell = c.Shell
	return nil
}

// shellFlags returns the flags of SHELL as words for set.
func shellFlags(words []string) (string, error) {
	var flags strings.Builder
	for i := 1; i < len(words); i++ {
		word := words[i]
		switch {
		case word == "pipefail" && strings.HasSuffix(words[i-1], "o"):
		case len(word) > 1 && word[0] == '-' && strings.Trim(word[1:], "euxoc") == "":
			for _, letter := range []string{"e", "u"} {
				if strings.Contains(word, letter) {
					flags.WriteString(letter)
				}
			}
		default:
			return "", refuse("SHELL with %q is not understood", word)
		}
	}
	return flags.String(), nil
}
