package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/app"
)

func dataFlag(f *pflag.FlagSet, o *options) {
	f.StringVar(&o.data, "data", "", "data folder (default $DAVIT_DATA, else /var/lib/davit as root,\n"+
		"else $XDG_STATE_HOME/davit)")
}

// serverFlag is for commands that a server elsewhere answers, too.
func serverFlag(f *pflag.FlagSet, o *options) {
	dataFlag(f, o)
	f.StringVar(&o.server, "server", "", "URL of a server elsewhere (default $DAVIT_SERVER); see 'davit login'")
}

func serverAndJSON(f *pflag.FlagSet, o *options) {
	serverFlag(f, o)
	jsonFlag(f, o)
}

func jsonFlag(f *pflag.FlagSet, o *options) {
	f.BoolVar(&o.json, "json", false, "print JSON")
}

func dataAndJSON(f *pflag.FlagSet, o *options) {
	dataFlag(f, o)
	jsonFlag(f, o)
}

// age is a duration that may be in days: 90d, 36h.
type age time.Duration

// String implements pflag.Value.
func (a *age) String() string {
	if d := time.Duration(*a); d%day != 0 || d == 0 {
		return d.String()
	}
	return strconv.Itoa(int(time.Duration(*a)/day)) + "d"
}

// Set implements pflag.Value.
func (a *age) Set(text string) error {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err == nil && n >= 0 && n <= 36500 {
			*a = age(time.Duration(n) * day)
			return nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is not a time such as 90d or 36h", text)
	}
	*a = age(d)
	return nil
}

// Type implements pflag.Value.
func (a *age) Type() string { return "time" }

const day = 24 * time.Hour

// dataFolder is the one that was named, or the default.
func (c *call) dataFolder() (string, error) {
	if c.data != "" {
		return c.data, nil
	}
	return app.DefaultData()
}

// ownFolder is dataFolder for what is done on the server's own machine alone. Who
// means a server elsewhere must not get the one here instead.
func (c *call) ownFolder() (string, error) {
	if server := os.Getenv("DAVIT_SERVER"); server != "" && c.data == "" {
		return "", usageErrorf("davit %s is for the server's own machine, and $DAVIT_SERVER is %s", c.flags.Name(), server).
			hint("call it there, or name the data folder of a server on this machine with --data")
	}
	return c.dataFolder()
}

// address is the server that the flags and the environment mean.
func (c *call) address() (app.Address, error) {
	at, err := app.FindServer(c.data, c.server)
	if err != nil {
		return at, &exitError{code: exitUsage, message: err.Error(), tip: hintOf(err)}
	}
	return at, nil
}

// client returns the API of that server.
func (c *call) client() (*api.Client, error) {
	at, err := c.address()
	if err != nil {
		return nil, err
	}
	return app.Dial(at)
}

// folder is the first argument, or the current folder.
func (c *call) folder() string {
	if len(c.args) > 0 {
		return c.args[0]
	}
	return "."
}

func printJSON(w io.Writer, value any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}
