// Package cli turns arguments into calls and answers into text: flags → options
// → call → print. It is the only printer: data goes to standard output, talk to
// standard error. Each command has a file of its own.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/davit-dev/davit/internal/app"
)

// Stdio is where a command reads and prints.
type Stdio struct {
	In       io.Reader
	Out      io.Writer
	Err      io.Writer
	Terminal bool // Err is a terminal that understands cursor movement and color
	Colored  bool // Out is one
}

// Standard returns the process's own streams. NO_COLOR and TERM=dumb make a
// terminal a plain one.
func Standard() Stdio {
	plain := os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb"
	return Stdio{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Terminal: !plain && term.IsTerminal(int(os.Stderr.Fd())),
		Colored:  !plain && term.IsTerminal(int(os.Stdout.Fd())),
	}
}

// command is one word after davit.
type command struct {
	name   string
	args   string // what follows it, for the usage line
	short  string // what it does; "" hides it from the list
	min    int    // least and most arguments
	max    int
	flags  func(*pflag.FlagSet, *options)
	run    func(context.Context, *call) error
	foot   string // more help
	hidden bool
	raw    bool // its arguments are its own affair
}

// options are the flags of all commands; each command binds those it has.
type options struct {
	data, server                       string
	listen, edge, staging, release, ci string
	json, skipTests, supersede, detach bool
	follow, keep, tether, accept       bool
	units                              string
	tail                               int
	lasts                              time.Duration
	accessLog                          string
	limits                             app.EdgeLimits
	check                              checkOptions
	build                              buildOptions
	key                                string
	files                              []string
	output                             string
	withoutKeys, verify                bool
	retain                             age
	update, recursive                  bool
	stage                              string
	remote                             app.RemoteConfig
	secure                             app.SecureConfig
	hsts                               age
	tls                                bool
	role, fingerprint, roots           string
	apps                               []string
	expires                            age
}

// call is a command being run.
type call struct {
	Stdio
	options
	args  []string
	flags *pflag.FlagSet
}

// commands lists all of them, in the order of the way.
func commands() []command {
	return []command{
		initCommand(), checkCommand(), ciCommand(),
		buildCommand(), lockCommand(), resolveCommand(), reproduceCommand(), keyCommand(),
		shipCommand(),
		serveCommand(), downCommand(),
		statusCommand(), releasesCommand(), showCommand(), explainCommand(), logsCommand(), previewCommand(),
		approveCommand(), abortCommand(), holdCommand(), resumeCommand(), rollbackCommand(), unblockCommand(), rmCommand(),
		secretCommand(), tokenCommand(), loginCommand(), logoutCommand(),
		auditCommand(), registryCommand(), backupCommand(), restoreCommand(), demoCommand(), versionCommand(),
		edgeCommand(), shimCommand(), shimInitCommand(),
	}
}

// Main runs the command that args name and returns the exit code.
func Main(ctx context.Context, args []string, stdio Stdio) int {
	err := dispatch(ctx, args, stdio)
	return report(err, stdio)
}

func dispatch(ctx context.Context, args []string, stdio Stdio) error {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		return help(args, stdio)
	}
	if args[0] == "--version" {
		args = []string{"version"}
	}
	for _, cmd := range commands() {
		if cmd.name == args[0] {
			return cmd.call(ctx, args[1:], stdio)
		}
	}
	return usageErrorf("no command %q%s", args[0], meant(args[0])).hint("'davit help' lists the commands")
}

func (cmd command) call(ctx context.Context, args []string, stdio Stdio) error {
	c := &call{Stdio: stdio, flags: pflag.NewFlagSet(cmd.name, pflag.ContinueOnError)}
	if cmd.raw {
		c.args = args
		return cmd.run(ctx, c)
	}
	c.flags.SetOutput(io.Discard)
	c.flags.SortFlags = true
	if cmd.flags != nil {
		cmd.flags(c.flags, &c.options)
	}
	err := c.flags.Parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		cmd.help(stdio.Out, c.flags)
		return nil
	}
	if err != nil {
		return usageErrorf("%v", err).hint("'davit %s --help' shows its flags", cmd.name)
	}
	c.args = c.flags.Args()
	if n := len(c.args); n < cmd.min || (cmd.max >= 0 && n > cmd.max) {
		return usageErrorf("davit %s takes %s, not %d arguments", cmd.name, cmd.count(), n).
			hint("%s", cmd.usage())
	}
	return cmd.run(ctx, c)
}

func (cmd command) usage() string {
	return strings.TrimSpace(fmt.Sprintf("davit %s [flags] %s", cmd.name, cmd.args))
}

func (cmd command) count() string {
	switch {
	case cmd.max == 0:
		return "no arguments"
	case cmd.min == cmd.max:
		return fmt.Sprintf("%d (%s)", cmd.min, cmd.args)
	default:
		return cmd.args
	}
}

func (cmd command) help(w io.Writer, flags *pflag.FlagSet) {
	fmt.Fprintf(w, "%s\n\nUsage: %s\n", cmd.short, cmd.usage())
	if usages := flags.FlagUsages(); usages != "" {
		fmt.Fprintf(w, "\nFlags:\n%s", usages)
	}
	if cmd.foot != "" {
		fmt.Fprintf(w, "\n%s\n", cmd.foot)
	}
}

func help(args []string, stdio Stdio) error {
	if len(args) > 1 {
		return dispatch(context.Background(), []string{args[1], "--help"}, stdio)
	}
	fmt.Fprint(stdio.Out, "davit takes a Go service from source to production and, when the new version\n"+
		"is worse, takes it back.\n\nUsage: davit COMMAND [flags]\n\nCommands:\n")
	for _, cmd := range commands() {
		if !cmd.hidden {
			fmt.Fprintf(stdio.Out, "  %-10s %s\n", cmd.name, cmd.short)
		}
	}
	fmt.Fprint(stdio.Out, "\n'davit COMMAND --help' says more.\n"+
		"Exit codes: 0 done, 1 findings or a failed check, 2 wrong usage or config, 3 could not do it,\n"+
		"4 rejected in verification, 5 rolled back, 6 undecided, 7 conflict.\n")
	return nil
}

// meant suggests the command that a misspelled word is nearest to.
func meant(word string) string {
	for _, cmd := range commands() {
		if !cmd.hidden && (strings.HasPrefix(cmd.name, word) || strings.HasPrefix(word, cmd.name)) {
			return fmt.Sprintf(", did you mean %q?", cmd.name)
		}
	}
	return ""
}
