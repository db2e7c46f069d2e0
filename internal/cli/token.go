package cli

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"github.com/davit-dev/davit/internal/access"
	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/x/quantity"
)

func tokenCommand() command {
	return command{
		name: "token", args: "create NAME|list|revoke ID", short: "Let other machines and people in, as far as a role goes",
		min: 1, max: 2, run: runToken,
		flags: func(f *pflag.FlagSet, o *options) {
			serverAndJSON(f, o)
			f.StringVar(&o.role, "role", "", "create: viewer, deployer or admin")
			f.StringSliceVar(&o.apps, "app", nil, "create: the only app that it is for; may be repeated (default all)")
			f.Var(&o.expires, "expires", "create: after how long it ends, such as 90d; 0 is never")
		},
		foot: "A viewer looks at everything but secrets, and pulls; a deployer pushes, ships and steers releases as well;\n" +
			"an admin may do everything. create prints the token once. revoke ends it, with what goes on under it.",
	}
}

func runToken(ctx context.Context, c *call) error {
	run, args := map[string]func(context.Context, *api.Client) error{
		"create": c.tokenCreate, "list": c.tokenList, "revoke": c.tokenRevoke,
	}[c.args[0]], map[string]string{"create": "NAME", "revoke": "ID"}[c.args[0]]
	switch {
	case run == nil:
		return usageErrorf("davit token takes create, list or revoke, not %q", c.args[0])
	case args != "" && len(c.args) != 2:
		return usageErrorf("davit token %s takes %s", c.args[0], args)
	case args == "" && len(c.args) != 1:
		return usageErrorf("davit token list takes no arguments")
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	return run(ctx, client)
}

func (c *call) tokenCreate(ctx context.Context, client *api.Client) error {
	role, err := access.ParseRole(c.role)
	if err != nil {
		return usageErrorf("--role: %v", err)
	}
	made, err := client.CreateToken(ctx, api.TokenRequest{
		Name: c.args[1], Role: role, Apps: c.apps, For: quantity.Duration(c.expires),
	})
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.Out, made)
	}
	fmt.Fprintln(c.Out, made.Key)
	fmt.Fprintf(c.Err, "davit: token %s, %s for %s, %s; it is not shown again, 'davit token revoke %s' ends it\n",
		made.Name, made.Role, appsOf(made.Token), expiry(made.Token), made.ID)
	return nil
}

func appsOf(t access.Token) string {
	if len(t.Apps) == 0 {
		return "all apps"
	}
	return strings.Join(t.Apps, ", ")
}

func expiry(t access.Token) string {
	switch {
	case t.Expires.IsZero():
		return "for ever"
	case t.Expired(time.Now()):
		return "expired " + t.Expires.UTC().Format("2006-01-02 15:04:05")
	default:
		return "until " + t.Expires.UTC().Format("2006-01-02 15:04:05")
	}
}

func (c *call) tokenList(ctx context.Context, client *api.Client) error {
	list, err := client.Tokens(ctx)
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.Out, list)
	}
	table := tabwriter.NewWriter(c.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tNAME\tROLE\tAPPS\tVALID\tMADE\tBY")
	for _, t := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, t.Name, t.Role, appsOf(t), expiry(t), t.Created.UTC().Format("2006-01-02 15:04:05"), t.By)
	}
	return table.Flush()
}

func (c *call) tokenRevoke(ctx context.Context, client *api.Client) error {
	revoked, err := client.RevokeToken(ctx, c.args[1])
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.Out, revoked)
	}
	fmt.Fprintf(c.Err, "token %s (%s) is revoked\n", revoked.Name, revoked.ID)
	return nil
}
