package app

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/release/traffic"
	"github.com/davit-dev/davit/internal/x/quantity"
)

// Preview implements api.Previewer. The edge makes the token, because it has the
// key; the journal remembers who asked.
func (d *desk) Preview(ctx context.Context, app string, ask api.PreviewRequest, actor string) (api.Preview, error) {
	p := d.platform
	chosen, at, err := previewed(p.engine.Apps(), app, ask.Release)
	if err != nil {
		return api.Preview{}, err
	}
	if lasts := ask.For.Std(); lasts < time.Second || lasts > traffic.MaxPin {
		return api.Preview{}, &release.RefusalError{
			Code: release.CodeInvalid, Message: fmt.Sprintf("a preview lasts from 1s to %s, not %s", quantity.Duration(traffic.MaxPin), ask.For),
		}
	}
	pin, err := p.edge.client.Pin(ctx, app, chosen.ID, ask.For.Std())
	if err != nil {
		return api.Preview{}, err
	}
	err = p.journal.note(ctx, "preview", actor, map[string]any{"app": app, "release": chosen.ID, "until": pin.Until})
	if err != nil {
		return api.Preview{}, err
	}
	preview := api.Preview{
		App: app, Release: chosen.ID, Until: pin.Until, Header: traffic.VersionHeader, Token: pin.Token,
		Host: release.HostName(at), URL: "http://" + p.edge.production.Addr().String() + pathBelow(at),
	}
	if chosen.Phase == release.PhaseSubmitted {
		preview.Staging = "http://" + p.edge.staging.Addr().String() + pathBelow(at)
	}
	return preview, nil
}

// previewed returns the release to be seen and the app's host: the one that was
// named, or else what goes out, or else what is live.
func previewed(apps []release.View, app, id string) (release.Summary, string, error) {
	for _, view := range apps {
		if view.App != app {
			continue
		}
		wanted := cmp.Or(id, view.Current, view.Live)
		found, known := view.Find(wanted)
		switch {
		case !known:
			return found, "", &release.RefusalError{
				Code: release.CodeUnknown, Message: fmt.Sprintf("%s has no release %q", app, wanted), Hint: "'davit releases' lists them",
			}
		case found.ID != view.Live && found.ID != view.Current:
			return found, "", &release.RefusalError{
				Code: release.CodeInvalid, Message: fmt.Sprintf("%s is neither live nor going out: nothing runs of it", found.ID),
			}
		}
		return found, view.Hosts[0], nil
	}
	return release.Summary{}, "", &release.RefusalError{Code: release.CodeUnknown, Message: fmt.Sprintf("no app %q", app)}
}
