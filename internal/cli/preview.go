package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/x/quantity"
)

func previewCommand() command {
	return command{
		name: "preview", args: "APP", short: "Let a tester have what goes out, whatever the weights are", min: 1, max: 1,
		flags: func(f *pflag.FlagSet, o *options) {
			serverAndJSON(f, o)
			f.StringVar(&o.release, "release", "", "release to see (default: what goes out, or else what is live)")
			f.DurationVar(&o.lasts, "for", time.Hour, "how long the token is good, at most 24h")
		},
		run: runPreview,
		foot: "The answer to a request with a good token names the release in the same header. Requests with a\n" +
			"token are not counted for the verdict. A token is good once the release has traffic, and cannot be taken back.",
	}
}

func runPreview(ctx context.Context, c *call) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	p, err := client.Preview(ctx, c.args[0], api.PreviewRequest{Release: c.release, For: quantity.Duration(c.lasts)})
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.Out, p)
	}
	fmt.Fprintf(c.Err, "%s, until %s\n", p.Release, p.Until.Local().Format(time.DateTime))
	if p.Staging != "" {
		fmt.Fprintf(c.Err, "it is being verified, and gets no production traffic yet; in staging it needs no token:\n"+
			"curl -H %s %s\n", quoted("Host: "+p.Host), p.Staging)
	}
	fmt.Fprintf(c.Out, "curl -H %s -H %s %s\n", quoted("Host: "+p.Host), quoted(p.Header+": "+p.Token), p.URL)
	return nil
}

// quoted makes one word of s for a POSIX shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
