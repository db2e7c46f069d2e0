package traffic_test

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/release/traffic"
)

const cookieName = "davit_session"

// routeSessions puts a route for the app "a" whose sessions stay.
func (r *rig) routeSessions(tb testing.TB, by traffic.Affinity, stable, canary *traffic.Target, weight float64) {
	tb.Helper()
	r.version++
	err := r.PutTable(tb.Context(), traffic.Table{Version: r.version, Routes: []traffic.Route{{
		App: "a", Version: r.version, Listener: traffic.Production, Hosts: []string{"a"},
		Stable: stable, Canary: canary, Weight: weight, Affinity: &by,
	}}})
	if err != nil {
		tb.Fatal(err)
	}
}

// visitor is a client of the edge with a cookie jar of one cookie.
type visitor struct {
	client *http.Client
	url    string
	cookie string
	header http.Header
}

func (r *rig) visitor() *visitor {
	return &visitor{client: &http.Client{Transport: &http.Transport{}}, url: r.url, header: http.Header{}}
}

// visit returns the text of the answer, and whether the edge gave out a cookie.
func (v *visitor) visit(tb testing.TB) (text string, given bool) {
	tb.Helper()
	req := request(tb, http.MethodGet, v.url, "a", "")
	req.Header = v.header.Clone()
	if v.cookie != "" {
		req.Header.Set("Cookie", "theme=dark; "+cookieName+"="+v.cookie)
	}
	res, err := v.client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	for _, c := range res.Cookies() {
		if c.Name == cookieName {
			if !c.HttpOnly || c.Path != "/" || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 0 {
				tb.Errorf("cookie %s", c)
			}
			v.cookie, given = c.Value, true
		}
	}
	return string(data), given
}

// scored returns how many units were counted, of stable and of the canary.
func scored(cohorts []traffic.Cohort) (stable, canary int) {
	for _, c := range cohorts {
		for i := range c.Stable.Units {
			stable += int(c.Stable.Units[i])
			canary += int(c.Canary.Units[i])
		}
	}
	return stable, canary
}

func TestSessionsStayAndAreCountedOnce(t *testing.T) {
	dir := t.TempDir()
	var s steered
	change := func(c *traffic.Config, d *traffic.Deps) {
		c.KeyFile, d.Clock = filepath.Join(dir, "edge.key"), s.clock
	}
	r := newRig(t, dir, change)
	stable, canary := named(t, "r1"), named(t, "r2")
	byCookie := traffic.Affinity{By: traffic.ByCookie}
	r.routeSessions(t, byCookie, stable, canary, 0.3)
	visitors, was := make([]*visitor, 60), make([]string, 60)
	for i := range visitors {
		visitors[i] = r.visitor()
		var given bool
		if was[i], given = visitors[i].visit(t); !given {
			t.Fatal("a new client gets no cookie")
		}
	}
	all := func(when string, check func(i int, text string)) {
		for i, v := range visitors {
			text, given := v.visit(t)
			if given {
				t.Fatalf("%s: client %d gets another cookie", when, i)
			}
			check(i, text)
		}
	}
	stays := func(i int, text string) {
		if text != was[i] {
			t.Errorf("client %d was with %s, now %s", i, was[i], text)
		}
	}
	for range 3 {
		all("same weight", stays)
	}
	moved := 0
	r.routeSessions(t, byCookie, stable, canary, 0.8)
	all("more weight", func(i int, text string) {
		if was[i] == "r2" && text != "r2" {
			t.Errorf("client %d left the canary", i)
		}
		if was[i] != text {
			moved++
		}
		was[i] = text
	})
	if moved == 0 {
		t.Error("no client moved to the canary")
	}
	s.now.Add(int64(traffic.TickLength))
	if a, b := scored(r.cohorts(t)); a+b != len(visitors) {
		t.Errorf("%d and %d units of %d sessions", a, b, len(visitors))
	}

	// The next edge has the key: sessions stay, and nobody is counted again.
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	version := r.version
	r = newRig(t, dir, change)
	r.version = version
	for _, v := range visitors {
		v.url = r.url
	}
	all("after a restart", stays)
	fresh := r.visitor()
	fresh.visit(t)
	s.now.Add(int64(traffic.TickLength))
	if a, b := scored(r.cohorts(t)); a+b != 1 {
		t.Errorf("after a restart %d and %d units, want the one new session", a, b)
	}

	r.routeSessions(t, byCookie, stable, nil, 0)
	all("rolled back", func(i int, text string) {
		if text != "r1" {
			t.Errorf("client %d is still with %s", i, text)
		}
	})
	// For the next canary, sessions of the last one are counted, once.
	r.routeSessions(t, byCookie, stable, named(t, "r3"), 0.5)
	for range 2 {
		all("next canary", func(int, string) {})
	}
	s.now.Add(int64(traffic.TickLength))
	if a, b := scored(r.cohorts(t)); a+b != 1+len(visitors) {
		t.Errorf("under the next canary %d and %d units in all, want one more for each of %d sessions", a, b, len(visitors))
	}
}

// An edge that is started while there is a canary does not know who was counted.
// Who has a cookie of another canary, or no cookie at all, may have been.
func TestNobodyIsCountedTwiceAfterARestart(t *testing.T) {
	for by, affinity := range map[string]traffic.Affinity{
		"cookie": {By: traffic.ByCookie}, "header": {By: traffic.ByHeader, Header: "X-User"},
	} {
		t.Run(by, func(t *testing.T) {
			dir := t.TempDir()
			var s steered
			change := func(c *traffic.Config, d *traffic.Deps) {
				c.KeyFile, d.Clock = filepath.Join(dir, "edge.key"), s.clock
			}
			r := newRig(t, dir, change)
			stable := named(t, "r1")
			r.routeSessions(t, affinity, stable, named(t, "r0"), 0.5)
			v := r.visitor()
			v.header.Set("X-User", "me")
			v.visit(t)
			r.routeSessions(t, affinity, stable, named(t, "r2"), 0.5)
			v.visit(t)
			s.now.Add(int64(traffic.TickLength))
			if a, b := scored(r.cohorts(t)); a+b != 2 {
				t.Fatalf("%d and %d units, want one under each canary", a, b)
			}
			if err := r.stop(); err != nil {
				t.Fatal(err)
			}
			r = newRig(t, dir, change)
			v.url = r.url
			v.visit(t)
			s.now.Add(int64(traffic.TickLength))
			if a, b := scored(r.cohorts(t)); a+b != 0 {
				t.Errorf("%d and %d units of a session that was counted before", a, b)
			}
		})
	}
}

func TestReliability18AffinityCookie(t *testing.T) {
	r, s := newSteered(t)
	var cookies []string
	seen := func(label string) *traffic.Target {
		return backend(t, label, func(w http.ResponseWriter, req *http.Request) {
			cookies = append(cookies, req.Header.Get("Cookie"))
			_, _ = io.WriteString(w, label)
		})
	}
	r.routeSessions(t, traffic.Affinity{By: traffic.ByCookie}, seen("r1"), seen("r2"), 0.5)
	v := r.visitor()
	own, _ := v.visit(t)
	honest := v.cookie
	const forgeries = 40
	for i := range forgeries {
		v.cookie = strings.Repeat(string(rune('A'+i%26)), len(honest))
		if i%2 == 0 { // the id of another session with a good signature
			v.cookie = v.cookie[:21] + honest[21:]
		}
		if _, given := v.visit(t); !given {
			t.Fatalf("forgery %d was taken for a session", i)
		}
	}
	for i, c := range cookies[1:] {
		if c != "theme=dark" {
			t.Errorf("request %d: the version got the cookies %q", i, c)
		}
	}
	s.now.Add(int64(traffic.TickLength))
	stable, canary := scored(r.cohorts(t))
	if stable+canary != 1+forgeries || stable == 0 || canary == 0 {
		t.Errorf("%d and %d units: forgeries are to be drawn like new clients", stable, canary)
	}
	v.cookie = honest
	for range 5 {
		if text, given := v.visit(t); text != own || given {
			t.Errorf("the honest session was with %s, now %s (new cookie: %v)", own, text, given)
		}
	}
}

func TestSessionsByHeaderAndAddress(t *testing.T) {
	r, s := newSteered(t)
	stable, canary := named(t, "r1"), named(t, "r2")
	r.routeSessions(t, traffic.Affinity{By: traffic.ByHeader, Header: "X-User"}, stable, canary, 0.5)
	v := r.visitor()
	texts := map[string]int{}
	for i := range 40 {
		v.header.Set("x-user", fmt.Sprint("user-", i))
		first, given := v.visit(t)
		again, _ := v.visit(t)
		if first != again || given {
			t.Errorf("user %d was with %s, then with %s (cookie: %v)", i, first, again, given)
		}
		texts[first]++
	}
	if texts["r1"] == 0 || texts["r2"] == 0 {
		t.Errorf("versions of users: %v", texts)
	}
	v.header.Del("x-user")
	for _, want := range []bool{true, false} { // nobody's requests are drawn by themselves
		s.canary.Store(want)
		if text, _ := v.visit(t); (text == "r2") != want {
			t.Errorf("without the header: %s", text)
		}
	}
	r.routeSessions(t, traffic.Affinity{By: traffic.ByClientIP}, stable, canary, 0.5)
	first, _ := v.visit(t)
	for range 10 {
		v.header.Set("X-Forwarded-For", "192.0.2.1")
		v.client.CloseIdleConnections()
		if text, _ := v.visit(t); text != first {
			t.Errorf("an address was with %s, then with %s", first, text)
		}
	}
	s.now.Add(int64(traffic.TickLength))
	if a, b := scored(r.cohorts(t)); a+b != 40+2+1 {
		t.Errorf("%d and %d units, want 40 users, 2 of nobody and one address", a, b)
	}
}

func TestWithoutACanaryThereAreNoSessions(t *testing.T) {
	r, _ := newSteered(t)
	r.routeSessions(t, traffic.Affinity{By: traffic.ByCookie}, named(t, "r1"), nil, 0)
	if _, given := r.visitor().visit(t); given {
		t.Error("a cookie is given out for nothing")
	}
	r.routeSessions(t, traffic.Affinity{By: traffic.ByCookie}, named(t, "r1"), named(t, "r2"), 0)
	if text, given := r.visitor().visit(t); text != "r1" || given {
		t.Errorf("at weight 0: %s, cookie: %v", text, given)
	}
}

func TestReliability18VersionHeader(t *testing.T) {
	var now atomic.Int64
	var s steered
	r := newRig(t, t.TempDir(), func(_ *traffic.Config, d *traffic.Deps) {
		d.Clock, d.Draw = s.clock, s.draw
		d.Now = func() time.Time { return time.Unix(now.Load(), 0) }
	})
	seen := func(label string) *traffic.Target {
		return backend(t, label, func(w http.ResponseWriter, req *http.Request) {
			if got := req.Header.Values(traffic.VersionHeader); got != nil {
				t.Errorf("%s got the version header %q", label, got)
			}
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, label)
		})
	}
	r.route(t, seen("r1"), seen("r2"), 0.5)
	pin, err := r.Pin(t.Context(), "a", "r2", time.Hour)
	if err != nil || !pin.Until.Equal(time.Unix(3600, 0)) {
		t.Fatalf("%+v, %v", pin, err)
	}
	old, err := r.Pin(t.Context(), "a", "r1", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	gone, err := r.Pin(t.Context(), "a", "r0", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	get := func(token string) (text, version string) {
		req := request(t, http.MethodGet, r.url, "a", "")
		req.Header.Set(traffic.VersionHeader, token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		data, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(data), res.Header.Get(traffic.VersionHeader)
	}
	for _, token := range []string{pin.Token, old.Token} { // against the draw
		s.canary.Store(token == old.Token)
		want, _, _ := strings.Cut(token, ":")
		if text, version := get(token); text != want || version != want {
			t.Errorf("%s: answered by %s, header %q", token, text, version)
		}
	}
	now.Store(100)
	forged := []string{"r2", "r1:9999999999:AAAA", "x" + pin.Token, strings.Replace(pin.Token, "r2", "r1", 1), old.Token, gone.Token}
	for i, token := range forged {
		s.canary.Store(i%2 == 0)
		want := []string{"r2", "r1"}[i%2]
		if text, version := get(token); text != want || version != "" {
			t.Errorf("%s: answered by %s, not as drawn, header %q", token, text, version)
		}
	}
	s.now.Add(int64(traffic.TickLength))
	if stable, canary := scored(r.cohorts(t)); stable+canary != len(forged) {
		t.Errorf("%d and %d units, want those that were drawn", stable, canary)
	}
	if got := r.label(t, "r2"); got.Requests != 3 || got.Codes["4xx"] != 4 {
		t.Errorf("%+v: pinned requests are answered, and not counted as drawn", got)
	}
}

func TestAPinIsNotAWayIntoWhatStops(t *testing.T) {
	r, s := newSteered(t)
	pin, err := r.Pin(t.Context(), "a", "r2", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	v := r.visitor()
	v.header.Set(traffic.VersionHeader, pin.Token)
	stable, canary := named(t, "r1"), named(t, "r2")
	for weight, want := range map[float64]string{0: "r1", 0.01: "r2"} {
		r.route(t, stable, canary, weight)
		if text, _ := v.visit(t); text != want {
			t.Errorf("at weight %v a pinned request is answered by %s, want %s", weight, text, want)
		}
	}
	s.canary.Store(false)
	r.route(t, stable, refusing(t, "r2"), 0.5)
	if status, _ := send(t, pinnedRequest(t, r, pin)); status != http.StatusBadGateway {
		t.Errorf("a pinned version that refuses: status %d, want 502 and not another version's answer", status)
	}
	for _, bad := range []struct {
		app, label string
		lasts      time.Duration
	}{{"a", "r2", 0}, {"a", "r2", 25 * time.Hour}, {"a", "r 2", time.Hour}, {"a.b", "r2", time.Hour}, {"a", "", time.Hour}} {
		if pin, err := r.Pin(t.Context(), bad.app, bad.label, bad.lasts); err == nil {
			t.Errorf("%+v was made: %+v", bad, pin)
		}
	}
}

func pinnedRequest(t *testing.T, r *rig, pin traffic.Pin) *http.Request {
	t.Helper()
	req := request(t, http.MethodGet, r.url, "a", "")
	req.Header.Set(traffic.VersionHeader, pin.Token)
	return req
}
