package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/app"
)

func loginCommand() command {
	return command{
		name: "login", args: "URL", short: "Keep a token for a server elsewhere", min: 1, max: 1, run: runLogin,
		flags: func(f *pflag.FlagSet, o *options) {
			f.StringVar(&o.fingerprint, "fingerprint", "", "of the server's certificate, as 'davit status' shows it there: SHA256:HEX")
			f.StringVar(&o.roots, "ca", "", "file in PEM with the authorities that may sign its certificate")
		},
		foot: "The token comes from standard input, or is asked for without showing it. A server with a certificate\n" +
			"that this machine trusts needs no more; another one is known by its fingerprint. Commands find the server\n" +
			"by --server URL or $DAVIT_SERVER. CI needs no login: $DAVIT_TOKEN, and $DAVIT_FINGERPRINT if need be.",
	}
}

func logoutCommand() command {
	return command{
		name: "logout", args: "URL", short: "Forget the token for a server elsewhere", min: 1, max: 1,
		run: func(_ context.Context, c *call) error {
			url, err := app.ServerURL(c.args[0])
			if err != nil {
				return usageErrorf("%v", err)
			}
			found, err := app.RemoveLogin(url)
			if err == nil && !found {
				return usageErrorf("there is no login for %s", url)
			}
			if err == nil {
				fmt.Fprintf(c.Err, "the token for %s is forgotten here; 'davit token revoke' ends it\n", url)
			}
			return err
		},
	}
}

func runLogin(ctx context.Context, c *call) error {
	url, err := app.ServerURL(c.args[0])
	if err != nil {
		return usageErrorf("%v", err)
	}
	login := app.Login{URL: url}
	if c.roots != "" {
		pem, err := os.ReadFile(c.roots)
		if err != nil {
			return usageErrorf("--ca: %v", err)
		}
		login.Roots = string(pem)
	}
	if login.Fingerprint, err = c.pin(ctx, login); err != nil {
		return err
	}
	if login.Key, err = c.hidden("token for " + url + ": "); err != nil {
		return err
	}
	login.Key = strings.TrimSpace(login.Key)
	if err := app.CheckLogin(ctx, login); err != nil {
		return err
	}
	if err := app.KeepLogin(login); err != nil {
		return err
	}
	fmt.Fprintf(c.Err, "logged in; 'davit status --server %s' or DAVIT_SERVER=%s use it\n", url, url)
	return nil
}

// pin returns the fingerprint that the server is known by from now on, "" where
// its authorities vouch for it.
func (c *call) pin(ctx context.Context, login app.Login) (string, error) {
	shown, doubt, err := app.Shown(ctx, login.URL, login.Roots)
	if err != nil {
		return "", err
	}
	if c.fingerprint != "" {
		known, err := api.ParseFingerprint(c.fingerprint)
		if err != nil {
			return "", usageErrorf("--fingerprint: %v", err)
		}
		if known != shown {
			return "", &api.ChangedError{Known: known, Shown: shown}
		}
		return known, nil
	}
	if doubt == nil {
		return "", nil
	}
	if in, isFile := c.In.(*os.File); isFile && term.IsTerminal(int(in.Fd())) && login.Roots == "" {
		return c.askPin(in, shown, doubt)
	}
	return "", (&exitError{code: exitCannot, message: fmt.Sprintf("%s shows a certificate that nobody vouches for: %v", login.URL, doubt)}).
		hint("if 'davit status' on the server shows this certificate: --fingerprint %s", shown)
}

func (c *call) askPin(in *os.File, shown string, doubt error) (string, error) {
	fmt.Fprintf(c.Err, "Nobody vouches for the server's certificate (%v):\n  %s\nDoes 'davit status' on the server show the same? [y/N] ", doubt, shown)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	if !strings.EqualFold(strings.TrimSpace(answer), "y") {
		return "", errors.New("not logged in")
	}
	return shown, nil
}
