package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/davit-dev/davit/internal/api"
)

func secretCommand() command {
	return command{
		name: "secret", args: "set APP NAME|list APP|rm APP NAME", short: "Keep what an app needs and nobody may see",
		min: 2, max: 3, run: runSecret,
		flags: func(f *pflag.FlagSet, o *options) {
			serverAndJSON(f, o)
			f.StringVar(&o.stage, "stage", "production", "production or staging; neither sees what is set for the other")
		},
		foot: "set reads the value from standard input, or asks for it without showing it; it is never an argument.\n" +
			"A newline at its end is left out. Programs find it in the variable NAME, when run.secrets of davit.yaml\n" +
			"names it; a change is in force with the next release. Nothing shows a value again.",
	}
}

func runSecret(ctx context.Context, c *call) error {
	run, named := map[string]func(context.Context, *api.Client) error{
		"set": c.secretSet, "list": c.secretList, "rm": c.secretRemove,
	}[c.args[0]], c.args[0] != "list"
	switch {
	case run == nil:
		return usageErrorf("davit secret takes set, list or rm, not %q", c.args[0])
	case named && len(c.args) != 3:
		return usageErrorf("davit secret %s takes APP and NAME", c.args[0])
	case !named && len(c.args) != 2:
		return usageErrorf("davit secret list takes APP").hint("a value is never an argument: pipe it to 'davit secret set APP NAME'")
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	return run(ctx, client)
}

func (c *call) secretRequest() api.SecretRequest {
	return api.SecretRequest{App: c.args[1], Name: c.args[2], Stage: c.stage}
}

func (c *call) secretSet(ctx context.Context, client *api.Client) error {
	value, err := c.hidden(fmt.Sprintf("%s of %s for %s: ", c.args[2], c.args[1], c.stage))
	if err != nil {
		return err
	}
	set, err := client.SetSecret(ctx, c.secretRequest(), value)
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.Out, set)
	}
	fmt.Fprintf(c.Err, "%s is kept, version %s; the next release has it\n", set.Name, set.Fingerprint)
	return nil
}

// maxHidden is the most bytes that are read of what must not be shown.
const maxHidden = 128 << 10

// hidden reads what must not be shown: what is typed at a terminal, or else all of
// standard input, without a newline at its end.
func (c *call) hidden(prompt string) (string, error) {
	if in, isFile := c.In.(*os.File); isFile && term.IsTerminal(int(in.Fd())) {
		fmt.Fprint(c.Err, prompt)
		typed, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(c.Err) // what ends the line was not shown
		if err != nil {
			return "", fmt.Errorf("read what was typed: %w", err)
		}
		return string(typed), nil
	}
	data, err := io.ReadAll(io.LimitReader(c.In, maxHidden))
	if err != nil {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), nil
}

func (c *call) secretList(ctx context.Context, client *api.Client) error {
	list, err := client.Secrets(ctx, c.args[1])
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.Out, list)
	}
	table := tabwriter.NewWriter(c.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tSTAGE\tVERSION\tSET\tBY")
	for _, s := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", s.Name, s.Stage, s.Fingerprint, s.Set.UTC().Format("2006-01-02 15:04:05"), s.By)
	}
	return table.Flush()
}

func (c *call) secretRemove(ctx context.Context, client *api.Client) error {
	if err := client.RemoveSecret(ctx, c.secretRequest()); err != nil {
		return err
	}
	fmt.Fprintf(c.Err, "%s of %s for %s is forgotten; what runs with it goes on\n", c.args[2], c.args[1], c.stage)
	return nil
}
