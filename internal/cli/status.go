package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/release"
)

func statusCommand() command {
	return command{
		name: "status", args: "[APP]", short: "Show what is live and what is going out", max: 1,
		flags: serverAndJSON, run: runStatus,
	}
}

func runStatus(ctx context.Context, c *call) error {
	status, err := c.status(ctx)
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.Out, status)
	}
	edge := "down"
	if status.Edge.PID != 0 {
		edge = "up on " + status.Edge.Production
	}
	fmt.Fprintf(c.Out, "page %s, edge %s, sandbox %s\n", status.Page, edge, status.Sandbox)
	if status.Edge.Secure != "" {
		fmt.Fprintf(c.Out, "TLS on %s, own CA %s\n", status.Edge.Secure, status.Edge.CA)
	}
	if status.API != nil {
		fmt.Fprintf(c.Out, "other machines %s, certificate %s\n", status.API.URL, status.API.Fingerprint)
	}
	if len(status.Apps) == 0 {
		fmt.Fprintln(c.Out, "no apps yet")
		return nil
	}
	table := tabwriter.NewWriter(c.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "APP\tLIVE\tGOING OUT\tREQUESTS\tFAILED\tHOSTS")
	for _, app := range status.Apps {
		requests, failed := uint64(0), uint64(0)
		for _, t := range app.Traffic {
			requests += t.Requests
			failed += t.Failed
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%s\n",
			app.App, dash(app.Live), goingOut(app), requests, failed, strings.Join(app.Hosts, " "))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	printMirrors(c.Out, status.Apps)
	printLimits(c.Out, status.Apps)
	printCertificates(c.Out, status.Apps)
	return nil
}

// printLimits says which instances are limited, and which should be.
func printLimits(w io.Writer, apps []api.App) {
	for _, app := range apps {
		for _, i := range app.Instances {
			if i.Limits != "" {
				fmt.Fprintf(w, "%s is limited: %s\n", i.ID, i.Limits)
			}
			if i.Unlimited != "" {
				fmt.Fprintf(w, "%s is not limited: %s\n", i.ID, i.Unlimited)
			}
		}
	}
}

// printCertificates says until when those of all hosts are good, and which cannot be had.
func printCertificates(w io.Writer, apps []api.App) {
	for _, app := range apps {
		for _, cert := range app.Certificates {
			until := "none yet"
			if cert.NotAfter != nil {
				until = "good until " + cert.NotAfter.UTC().Format("2006-01-02 15:04") + " UTC"
			}
			fmt.Fprintf(w, "certificate of %s, issuer %s: %s\n", cert.Host, cert.Issuer, until)
			if cert.Error != "" {
				fmt.Fprintf(w, "  the last attempt failed: %s\n", cert.Error)
			}
		}
	}
}

// printMirrors says what came of copies, where there were any.
func printMirrors(w io.Writer, apps []api.App) {
	for _, app := range apps {
		for _, t := range app.Traffic {
			if m := t.Mirror; m != nil {
				fmt.Fprintf(w, "%s got copies of %d requests: %d failed, p95 %.3g ms; %d more were dropped\n",
					t.Release, m.Requests, m.Failed, m.P95, m.Dropped)
			}
		}
	}
}

// status asks the server, for one app when an argument names it.
func (c *call) status(ctx context.Context) (api.Status, error) {
	client, err := c.client()
	if err != nil {
		return api.Status{}, err
	}
	status, err := client.Status(ctx)
	if err != nil || len(c.args) == 0 {
		return status, err
	}
	for _, app := range status.Apps {
		if app.App == c.args[0] {
			status.Apps = []api.App{app}
			return status, nil
		}
	}
	return status, usageErrorf("no app %q", c.args[0]).hint("'davit status' lists them")
}

func goingOut(app api.App) string {
	s, ok := app.Find(app.Current)
	if !ok {
		return "-"
	}
	return s.ID + " " + describe(s)
}

// describe says in a few words how a release is.
func describe(s release.Summary) string {
	switch {
	case s.Outcome != "":
		return strings.ReplaceAll(string(s.Outcome), "_", " ")
	case s.Waiting != "":
		return "waits: " + s.Waiting
	case s.Phase == release.PhaseCanary:
		return fmt.Sprintf("canary %d/%d at %.4g%%", s.Step, s.Steps, 100*s.Weight)
	case s.Phase == release.PhaseBaking:
		return fmt.Sprintf("baking at %.4g%%", 100*s.Weight)
	default:
		return string(s.Phase)
	}
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
