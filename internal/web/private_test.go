package web_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/davit-dev/davit/internal/access"
	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/release"
	"github.com/davit-dev/davit/internal/web"
)

// steered notes what was done from the page.
type steered struct {
	*stage
	done []string
}

func (s *steered) Steer(_ context.Context, verb api.Verb, target, actor string) (release.Summary, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if target == "orders-9" {
		return release.Summary{}, &release.RefusalError{Message: "orders-9 is <over>", Hint: "look again"}
	}
	s.done = append(s.done, string(verb)+" "+target+" by "+actor)
	return release.Summary{}, nil
}

func (s *steered) acts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.done)
}

// house is the page for other machines.
type house struct {
	*httptest.Server
	steered *steered
	door    *access.Door
}

func private(t *testing.T) *house {
	t.Helper()
	h := &house{steered: &steered{stage: newStage()}, door: &access.Door{}}
	h.steered.status.Apps[0].Back = "orders-0"
	h.Server = httptest.NewTLSServer(web.Private(h.steered, h.steered, h.steered, h.door))
	t.Cleanup(func() { h.CloseClientConnections(); h.Close() })
	return h
}

func (h *house) token(t *testing.T, role access.Role, apps ...string) (access.Token, string) {
	t.Helper()
	token, key := access.Draw(access.Token{Name: "eve", Role: role, Apps: apps})
	h.tell(t, access.KindCreated, token)
	return token, key
}

func (h *house) tell(t *testing.T, kind string, about any) {
	t.Helper()
	data, err := json.Marshal(about)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.door.Apply(kind, data); err != nil {
		t.Fatal(err)
	}
}

// guest is a browser without scripts.
type guest struct {
	t    *testing.T
	http *http.Client
	base string
}

func (h *house) guest(t *testing.T) *guest {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &guest{t, &http.Client{Transport: h.Client().Transport, Jar: jar}, h.URL}
}

func (g *guest) read(res *http.Response, err error) (int, string) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func (g *guest) look(path string) (int, string) {
	g.t.Helper()
	return g.read(g.http.Get(g.base + path))
}

func (g *guest) send(path string, fields ...string) (int, string) {
	g.t.Helper()
	form := url.Values{}
	for pair := range slices.Chunk(fields, 2) {
		form.Set(pair[0], pair[1])
	}
	return g.read(g.http.PostForm(g.base+path, form))
}

var proofField = regexp.MustCompile(`name="proof" value="([A-Z2-7]+)"`)

func (g *guest) proof() string {
	g.t.Helper()
	_, body := g.look("/")
	found := proofField.FindStringSubmatch(body)
	if found == nil {
		g.t.Fatalf("no proof on the page: %s", body)
	}
	return found[1]
}

func TestThePageIsForThoseWhoLogIn(t *testing.T) {
	h := private(t)
	token, key := h.token(t, access.Deployer)
	g := h.guest(t)
	for _, path := range []string{"/", "/events", "/confirm?verb=abort&target=orders-2"} {
		if _, body := g.look(path); !strings.Contains(body, `name="token"`) || strings.Contains(body, "orders-1") {
			t.Errorf("%s without a session: %s", path, body)
		}
	}
	if status, body := g.send("/login", "token", "davit_nonsense"); status != http.StatusUnauthorized || !strings.Contains(body, "unknown or was revoked") {
		t.Errorf("a wrong token: %d %s", status, body)
	}
	if status, body := g.send("/login", "token", " "+key+"\n"); status != http.StatusOK || !strings.Contains(body, "<b>eve</b>, deployer") || !strings.Contains(body, "orders-2") {
		t.Errorf("after the login: %d %s", status, body)
	}
	once := &http.Client{Transport: h.Client().Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := once.PostForm(h.URL+"/login", url.Values{"token": {key}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	set := res.Cookies()
	if len(set) != 1 || set[0].Name != "__Host-davit" || !set[0].Secure || !set[0].HttpOnly || set[0].SameSite != http.SameSiteStrictMode || set[0].Path != "/" || set[0].Domain != "" {
		t.Errorf("the cookie is %+v", set)
	}
	if _, body := g.send("/logout", "proof", g.proof()); !strings.Contains(body, `name="token"`) {
		t.Errorf("after the logout: %s", body)
	}
	if _, body := g.look("/"); strings.Contains(body, "orders-1") {
		t.Error("the session goes on after the logout")
	}
	g.send("/login", "token", key)
	h.tell(t, access.KindRevoked, access.Revocation{ID: token.ID})
	if _, body := g.look("/"); strings.Contains(body, "orders-1") {
		t.Error("the session goes on after its token")
	}
}

// A session ends with the next login in its browser; a token has so many sessions.
func TestSessionsDoNotPileUp(t *testing.T) {
	h := private(t)
	_, key := h.token(t, access.Viewer)
	first := h.guest(t)
	first.send("/login", "token", key)
	base, err := url.Parse(h.URL)
	if err != nil {
		t.Fatal(err)
	}
	old := first.http.Jar.Cookies(base)
	first.send("/login", "token", key)
	late := h.guest(t)
	late.http.Jar.SetCookies(base, old)
	if _, body := late.look("/"); strings.Contains(body, "orders-1") {
		t.Error("the session goes on after another login")
	}
	for range 32 {
		h.guest(t).send("/login", "token", key)
	}
	if _, body := first.look("/"); strings.Contains(body, "orders-1") {
		t.Error("the session goes on after 32 others")
	}
	last := h.guest(t)
	if _, body := last.send("/login", "token", key); !strings.Contains(body, "orders-1") {
		t.Errorf("nobody gets in any more: %s", body)
	}
}

func TestWrongTokensOnThePageAreHeld(t *testing.T) {
	h := private(t)
	_, key := h.token(t, access.Viewer)
	g, status := h.guest(t), 0
	for range 21 {
		status, _ = g.send("/login", "token", "davit_nonsense")
	}
	if status != http.StatusTooManyRequests {
		t.Errorf("after 20 wrong ones: %d", status)
	}
	if status, _ := g.send("/login", "token", key); status != http.StatusOK {
		t.Errorf("the right one after that: %d", status)
	}
}

func TestWhatTheRoleAllowsIsDoneFromThePage(t *testing.T) {
	h := private(t)
	token, key := h.token(t, access.Deployer, "orders")
	g := h.guest(t)
	g.send("/login", "token", key)
	if _, body := g.look("/"); !strings.Contains(body, `/confirm?verb=abort&amp;target=orders-2`) {
		t.Errorf("no button: %s", body)
	}
	if _, body := g.look("/confirm?verb=abort&target=orders-2"); !strings.Contains(body, "Take orders-2 back?") || len(h.steered.acts()) > 0 {
		t.Errorf("the question: %s; done %q", body, h.steered.acts())
	}
	proof := g.proof()
	g.send("/act", "verb", "abort", "target", "orders-2", "proof", proof)
	g.send("/act", "verb", "rollback", "target", "orders", "proof", proof)
	by := " by token eve (" + token.ID + ")"
	if got, want := h.steered.acts(), []string{"abort orders-2" + by, "rollback orders" + by}; !slices.Equal(got, want) {
		t.Errorf("done: %q, want %q", got, want)
	}
	if status, body := g.send("/act", "verb", "approve", "target", "orders-9", "proof", proof); status != http.StatusConflict || !strings.Contains(body, "orders-9 is &lt;over&gt;") || !strings.Contains(body, "look again") {
		t.Errorf("a refusal: %d %s", status, body)
	}
}

func TestWhatIsNotAllowedIsNotDone(t *testing.T) {
	h := private(t)
	_, looks := h.token(t, access.Viewer)
	_, elsewhere := h.token(t, access.Admin, "billing")
	_, key := h.token(t, access.Admin)
	for name, c := range map[string]struct {
		key, proof, verb, target string
		status                   int
	}{
		"a viewer":           {looks, "", "abort", "orders-2", http.StatusForbidden},
		"of another app":     {elsewhere, "", "rollback", "orders", http.StatusForbidden},
		"its release":        {elsewhere, "", "abort", "orders-2", http.StatusForbidden},
		"another's proof":    {key, "AAAAAAAAAAAAAAAAAAAAAAAAAA", "abort", "orders-2", http.StatusForbidden},
		"no such verb":       {key, "", "shutdown", "orders", http.StatusNotFound},
		"not from the page":  {key, "", "remove", "orders", http.StatusNotFound},
		"a release as app":   {elsewhere, "", "abort", "billing-x-1", http.StatusForbidden},
		"what is no release": {elsewhere, "", "abort", "billing", http.StatusForbidden},
	} {
		g := h.guest(t)
		g.send("/login", "token", c.key)
		if c.proof == "" {
			c.proof = g.proof()
		}
		if status, _ := g.send("/act", "verb", c.verb, "target", c.target, "proof", c.proof); status != c.status {
			t.Errorf("%s: %d", name, status)
		}
	}
	g := h.guest(t)
	g.send("/login", "token", key)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.URL+"/act", strings.NewReader(url.Values{
		"verb": {"abort"}, "target": {"orders-2"}, "proof": {g.proof()},
	}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", "https://evil.example")
	if status, _ := g.read(g.http.Do(req)); status != http.StatusForbidden {
		t.Errorf("from another page: %d", status)
	}
	if done := h.steered.acts(); len(done) > 0 {
		t.Errorf("done: %q", done)
	}
	g = h.guest(t)
	g.send("/login", "token", elsewhere)
	if _, body := g.look("/"); strings.Contains(body, "orders-1") || strings.Contains(body, "submitted") {
		t.Errorf("somebody else sees %s", body)
	}
}

// TestRollBackInABrowser logs in and goes back with the mouse.
func TestRollBackInABrowser(t *testing.T) {
	ctx := browser(t)
	h := private(t)
	h.steered.status.Apps[0].Current = ""
	_, key := h.token(t, access.Deployer)
	do(t, ctx, chromedp.Navigate(h.URL))
	do(t, ctx, chromedp.SendKeys(`#token`, key))
	do(t, ctx, chromedp.Click(`button`))
	do(t, ctx, chromedp.WaitVisible(`.who`))
	keepPicture(t, do(t, ctx, chromedp.FullScreenshot(100)))
	do(t, ctx, chromedp.Click(`.tile.live .button`))
	do(t, ctx, chromedp.WaitVisible(`.sure`))
	do(t, ctx, chromedp.Click(`.sure`))
	do(t, ctx, chromedp.WaitVisible(`.who`))
	if done := h.steered.acts(); len(done) != 1 || !strings.HasPrefix(done[0], "rollback orders by token eve") {
		t.Errorf("done: %q", done)
	}
}
