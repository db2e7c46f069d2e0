package web

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/davit-dev/davit/internal/access"
	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/release"
)

// view is what the template shows.
type view struct {
	Status  api.Status
	Apps    []appView
	Journal []api.Entry
	Visitor *visitor // nil: somebody on this machine
}

// appView is an app with what a look at it asks for.
type appView struct {
	api.App
	Live    *release.Summary
	Current *release.Summary
	Newest  *release.Summary // whose evidence is drawn
	Recent  []release.Summary
	Chart   *chart
	Steer   bool // the visitor may
}

// releasesShown is how many releases of an app the page lists.
const releasesShown = 8

func newView(status api.Status, entries []api.Entry, who *visitor) view {
	v := view{Status: status, Journal: entries, Visitor: who}
	for _, app := range status.Apps {
		one := newAppView(app)
		one.Steer = who.may(access.Deployer)
		v.Apps = append(v.Apps, one)
	}
	return v
}

func newAppView(app api.App) appView {
	v := appView{App: app}
	if s, ok := app.Find(app.Live); ok {
		v.Live = &s
	}
	if s, ok := app.Find(app.Current); ok {
		v.Current = &s
	}
	v.Recent = slices.Clone(app.Releases)
	slices.Reverse(v.Recent)
	v.Recent = v.Recent[:min(len(v.Recent), releasesShown)]
	if len(v.Recent) > 0 && len(v.Recent[0].Trace) > 1 {
		v.Newest = &v.Recent[0]
		v.Chart = newChart(v.Recent[0])
	}
	return v
}

// words are the template's functions.
var words = template.FuncMap{
	"short":   short,
	"percent": func(share float64) string { return fmt.Sprintf("%.4g%%", share*100) },
	"clock":   func(t time.Time) string { return t.UTC().Format("15:04:05") },
	"day":     func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") },
	"seconds": func(ms int64) string {
		return (time.Duration(ms) * time.Millisecond).Round(100 * time.Millisecond).String()
	},
	"state":   state,
	"number":  func(x float64) string { return fmt.Sprintf("%.3g", x) },
	"ms":      func(x float64) string { return fmt.Sprintf("%.1f", x) },
	"excerpt": excerpt,
	"running": running,
}

// short cuts a digest to what people compare by eye.
func short(digest string) string {
	hex := strings.TrimPrefix(digest, "sha256:")
	return hex[:min(12, len(hex))]
}

// state says in a word how a release is.
func state(s release.Summary) string {
	switch {
	case s.Outcome != "":
		return strings.ReplaceAll(string(s.Outcome), "_", " ")
	case s.Waiting != "":
		return "waiting"
	case s.Phase == release.PhaseCanary:
		return fmt.Sprintf("canary %d/%d", s.Step, s.Steps)
	default:
		return string(s.Phase)
	}
}

// excerpt shows the beginning of an entry's data.
func excerpt(data []byte) string {
	const limit = 160
	text := string(data)
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + " …"
}
