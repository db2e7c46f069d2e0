package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/access"
	"github.com/davit-dev/davit/internal/api"
	"github.com/davit-dev/davit/internal/release"
)

// whole is a server with every optional ability.
type whole struct{ *server }

func (whole) Secrets(context.Context, string) ([]api.Secret, error) { return nil, nil }

func (whole) SetSecret(context.Context, api.SecretRequest, string, string) (api.Secret, error) {
	return api.Secret{}, nil
}

func (whole) RemoveSecret(context.Context, api.SecretRequest, string) error { return nil }

func (whole) Tokens(context.Context) ([]access.Token, error) { return nil, nil }

func (whole) CreateToken(context.Context, api.TokenRequest, string) (api.NewToken, error) {
	return api.NewToken{}, nil
}

func (whole) RevokeToken(context.Context, string, string) (access.Token, error) {
	return access.Token{}, nil
}

func (whole) Backup(context.Context, io.Writer, bool, string) error { return nil }

// gated is a server behind a gate, in TLS.
type gated struct {
	*httptest.Server
	*server
	door    *access.Door
	handler *api.Handler
}

func gate(t *testing.T) gated {
	t.Helper()
	s := &server{changed: make(chan struct{})}
	s.move(release.PhaseSubmitted, "")
	g := gated{server: s, door: &access.Door{}}
	g.handler = api.NewHandler(s, whole{s}, s, s, slog.New(slog.DiscardHandler))
	g.Server = httptest.NewTLSServer(api.Gate(g.door, g.handler))
	t.Cleanup(g.Close)
	return g
}

// token makes one that the server knows, and returns its key.
func (g gated) token(t *testing.T, role access.Role, apps ...string) (access.Token, string) {
	t.Helper()
	token, key := access.Draw(access.Token{Name: "test", Role: role, Apps: apps})
	g.apply(t, access.KindCreated, token)
	return token, key
}

func (g gated) apply(t *testing.T, kind string, about any) {
	t.Helper()
	data, err := json.Marshal(about)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.door.Apply(kind, data); err != nil {
		t.Fatal(err)
	}
}

// ask makes a request and returns the status and the code of the error.
func (g gated) ask(t *testing.T, method, path, authorization string) (status int, code release.Code, header http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, g.URL+path, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	res, err := g.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body struct {
		Error struct {
			Code release.Code `json:"code"`
		} `json:"error"`
	}
	_ = json.NewDecoder(res.Body).Decode(&body) // a good answer is something else
	return res.StatusCode, body.Error.Code, res.Header
}

// least is the role that each route needs, and whether a token for one app gets
// through where the path is about that app.
var least = map[string]struct {
	role   access.Role
	oneApp bool
}{
	"GET /v1/status":                       {access.Viewer, true},
	"GET /v1/checkpoint":                   {access.Viewer, true},
	"GET /v1/releases/{id}/events":         {access.Viewer, true},
	"GET /v1/releases/{id}/explanation":    {access.Viewer, true},
	"GET /v1/apps/{app}/logs":              {access.Viewer, true},
	"GET /v1/journal":                      {access.Viewer, false},
	"GET /v1/journal/{index}/proof":        {access.Viewer, false},
	"POST /v1/releases":                    {access.Deployer, true},
	"POST /v1/releases/{id}/approve":       {access.Deployer, true},
	"POST /v1/releases/{id}/abort":         {access.Deployer, true},
	"POST /v1/releases/{id}/hold":          {access.Deployer, true},
	"POST /v1/releases/{id}/resume":        {access.Deployer, true},
	"POST /v1/apps/{app}/rollback":         {access.Deployer, true},
	"POST /v1/apps/{app}/unblock":          {access.Deployer, true},
	"POST /v1/apps/{app}/preview":          {access.Deployer, true},
	"POST /v1/apps/{app}/remove":           {access.Admin, true},
	"GET /v1/apps/{app}/secrets":           {access.Deployer, true},
	"PUT /v1/apps/{app}/secrets/{name}":    {access.Admin, true},
	"DELETE /v1/apps/{app}/secrets/{name}": {access.Admin, true},
	"GET /v1/tokens":                       {access.Admin, false},
	"POST /v1/tokens":                      {access.Admin, false},
	"DELETE /v1/tokens/{token}":            {access.Admin, false},
	"POST /v1/registry/scrub":              {access.Admin, false},
	"POST /v1/backup":                      {access.Admin, false},
	"POST /v1/shutdown":                    {access.Admin, false},
}

func TestEveryRouteIsForARole(t *testing.T) {
	g := gate(t)
	g.move(release.PhaseEnded, release.Live) // events end by themselves
	keys := map[string]string{}
	for _, role := range []access.Role{access.Viewer, access.Deployer, access.Admin} {
		_, keys[string(role)] = g.token(t, role)
		_, keys[string(role)+" of it"] = g.token(t, role, "orders")
		_, keys[string(role)+" of another"] = g.token(t, role, "orders-1")
	}
	routes := g.handler.Routes()
	if len(routes) != len(least) {
		t.Errorf("%d routes, %d are known here", len(routes), len(least))
	}
	for _, route := range routes {
		want, known := least[route.Pattern]
		if !known {
			t.Errorf("%s is not known here", route.Pattern)
			continue
		}
		method, path, _ := strings.Cut(route.Pattern, " ")
		path = strings.NewReplacer("{id}", "orders-1", "{app}", "orders", "{name}", "N", "{token}", "x", "{index}", "1").Replace(path)
		about := strings.Contains(route.Pattern, "{id}") || strings.Contains(route.Pattern, "{app}")
		for who, key := range keys {
			role, whose, _ := strings.Cut(who, " of ")
			may := access.Role(role).Includes(want.role)
			switch whose {
			case "it":
				may = may && want.oneApp
			case "another":
				may = may && want.oneApp && !about
			}
			status, code, _ := g.ask(t, method, path, "Bearer "+key)
			if got := status != http.StatusForbidden && code != api.CodeForbidden; got != may || status == http.StatusUnauthorized {
				t.Errorf("%s by a %s: status %d, it may: %v", route.Pattern, who, status, may)
			}
		}
	}
}

// TestThePageOfRoutesIsTrue compares docs/access.md with what is asked for.
func TestThePageOfRoutesIsTrue(t *testing.T) {
	page, err := os.ReadFile("../../docs/access.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `([A-Z]+ /v1/[^`]+)` \\| (\\w+) \\| (.+) \\|$").FindAllStringSubmatch(string(page), -1)
	if len(rows) != len(least) {
		t.Errorf("docs/access.md has %d routes, there are %d", len(rows), len(least))
	}
	for _, row := range rows {
		if want, known := least[row[1]]; !known || string(want.role) != row[2] || want.oneApp != (row[3] != "no") {
			t.Errorf("docs/access.md is wrong about %s: %s, %s", row[1], row[2], row[3])
		}
	}
}

func TestNobodyGetsInWithoutAToken(t *testing.T) {
	g := gate(t)
	_, key := g.token(t, access.Admin)
	for _, shown := range []string{"", "Basic " + key, "Bearer", "Bearer " + key + "x", "Bearer davit_aaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", key} {
		status, code, header := g.ask(t, http.MethodGet, "/v1/status", shown)
		if status != http.StatusUnauthorized || code != api.CodeUnauthorized || !strings.HasPrefix(header.Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("%q: %d %s %v", shown, status, code, header)
		}
	}
	for range 30 {
		g.ask(t, http.MethodGet, "/v1/status", "Bearer wrong")
	}
	status, _, header := g.ask(t, http.MethodGet, "/v1/status", "Bearer wrong")
	if status != http.StatusTooManyRequests || header.Get("Retry-After") == "" {
		t.Errorf("after 30 wrong ones: %d, %v", status, header)
	}
	status, _, header = g.ask(t, http.MethodGet, "/v1/status", "bearer "+key)
	if status != http.StatusOK || header.Get("Cache-Control") != "no-store" {
		t.Errorf("with a token: %d, %v", status, header)
	}
}

// Without a caller in the context nobody may do anything.
func TestAHandlerWithoutAGateIsClosed(t *testing.T) {
	g := gate(t)
	for _, route := range g.handler.Routes() {
		method, path, _ := strings.Cut(route.Pattern, " ")
		w := httptest.NewRecorder()
		g.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader("{}")))
		if w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", route.Pattern, w.Code)
		}
	}
}

func TestAStreamEndsWithItsToken(t *testing.T) {
	g := gate(t)
	token, key := g.token(t, access.Viewer)
	client := api.NewRemoteClient(g.URL, key, g.Client().Transport)
	seen, ended := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(ended)
		_ = client.Follow(t.Context(), "orders-1", func(release.Summary) error { seen <- struct{}{}; return nil }) // it is cut
	}()
	<-seen
	g.apply(t, access.KindRevoked, access.Revocation{ID: token.ID})
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("it goes on")
	}
	var refused *api.Error
	if _, err := client.Status(t.Context()); !errors.As(err, &refused) || refused.Code != api.CodeUnauthorized {
		t.Errorf("after that: %v", err)
	}
}

func TestTheJournalNamesTheToken(t *testing.T) {
	g := gate(t)
	token, key := g.token(t, access.Deployer, "orders")
	client := api.NewRemoteClient(g.URL, key, g.Client().Transport)
	if _, err := client.Submit(t.Context(), api.Submission{}); err != nil || g.actor != "token test ("+token.ID+")" {
		t.Errorf("%q, %v", g.actor, err)
	}
	status, err := client.Status(t.Context())
	if err != nil || len(status.Apps) != 1 || status.You.Role != access.Deployer {
		t.Errorf("%+v, %v", status, err)
	}
	_, stranger := g.token(t, access.Admin, "billing")
	status, err = api.NewRemoteClient(g.URL, stranger, g.Client().Transport).Status(t.Context())
	if err != nil || len(status.Apps) != 0 {
		t.Errorf("somebody else sees %+v, %v", status.Apps, err)
	}
}

func TestAServerIsKnownByItsFingerprint(t *testing.T) {
	g := gate(t)
	_, key := g.token(t, access.Viewer)
	pin := api.Fingerprint(g.Certificate().Raw)
	known, err := api.ParseFingerprint(strings.ToUpper(strings.Replace(pin, "SHA256:", "sha256:", 1)))
	if err != nil || known != pin {
		t.Errorf("%s is read as %s, %v", pin, known, err)
	}
	ask := func(pin string) error {
		transport := &http.Transport{TLSClientConfig: api.Trust(pin, nil)}
		defer transport.CloseIdleConnections()
		_, err := api.NewRemoteClient(g.URL, key, transport).Status(t.Context())
		return err
	}
	if err := ask(pin); err != nil {
		t.Error(err)
	}
	other := "SHA256:" + strings.Repeat("0", 64)
	var changed *api.ChangedError
	if err := ask(other); !errors.As(err, &changed) || changed.Known != other || changed.Shown != pin {
		t.Errorf("another one: %v", err)
	}
	if err := ask(""); err == nil {
		t.Error("a certificate that nobody vouches for is trusted")
	}
	for _, text := range []string{"", "SHA256:", "SHA256:12", "MD5:" + strings.Repeat("0", 64), strings.Repeat("x", 64)} {
		if got, err := api.ParseFingerprint(text); err == nil {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}

// A token is for one server: it does not follow where that one points.
func TestATokenIsNotCarriedElsewhere(t *testing.T) {
	carried := make(chan string, 1)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		carried <- r.Header.Get("Authorization")
	}))
	defer elsewhere.Close()
	pointing := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer pointing.Close()
	if _, err := api.NewRemoteClient(pointing.URL, "key", http.DefaultTransport).Status(t.Context()); err == nil {
		t.Error("it followed")
	}
	select {
	case got := <-carried:
		t.Errorf("it carried %q", got)
	default:
	}
}
