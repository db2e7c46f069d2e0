package registry_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/davit-dev/davit/internal/registry"
)

// client asks a handler without a network, so that time can be made to pass.
type client struct {
	t       *testing.T
	handler http.Handler
}

func (c client) ask(method, path, authorization string) *httptest.ResponseRecorder {
	c.t.Helper()
	req := httptest.NewRequestWithContext(c.t.Context(), method, path, nil)
	req.Host = "127.0.0.1:7070"
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, req)
	return w
}

func basic(password string) string {
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.SetBasicAuth("davit", password)
	return req.Header.Get("Authorization")
}

// token exchanges credentials, or none, for a token.
func (c client) token(authorization string) string {
	c.t.Helper()
	w := c.ask("GET", "/v2/token?service=davit&scope=repository:app:pull,push", authorization)
	var answer struct {
		Token     string `json:"token"`
		ExpiresIn int    `json:"expires_in"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 200 || answer.ExpiresIn < 60 {
		c.t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return "Bearer " + answer.Token
}

func open(t *testing.T) *registry.Store {
	t.Helper()
	store, err := registry.Open(t.TempDir(), registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func TestTokens(t *testing.T) {
	c := client{t, registry.Handler(open(t), registry.Auth{Password: password})}
	const upload = "/v2/app/blobs/uploads/"
	anonymous, writing := c.token(""), c.token(basic(password))
	for _, ask := range []struct {
		method, path, authorization string
		status                      int
	}{
		{"GET", "/v2/", "", 401},
		{"GET", "/v2/", anonymous, 200},
		{"GET", "/v2/", writing, 200},
		{"GET", "/v2/app/tags/list", "", 404}, // reading is open
		{"GET", "/v2/app/tags/list", anonymous, 404},
		{"POST", upload, anonymous, 401},
		{"POST", upload, writing, 202},
		{"POST", upload, strings.Replace(anonymous, "read", "write", 1), 401},
		{"POST", upload, writing + "x", 401},
		{"POST", upload, "Bearer write", 401},
		{"POST", upload, "Bearer write.9999999999.", 401},
		{"GET", "/v2/token", basic("wrong"), 401},
		{"POST", "/v2/token", basic(password), 405},
	} {
		if w := c.ask(ask.method, ask.path, ask.authorization); w.Code != ask.status {
			t.Errorf("%s %s as %q: %d %s", ask.method, ask.path, ask.authorization, w.Code, w.Body)
		}
	}
	form := regexp.MustCompile(`^Bearer realm="http://127\.0\.0\.1:7070/v2/token",service="davit"(,scope="repository:app:pull,push")?$`)
	for path, scoped := range map[string]bool{"/v2/": false, upload: true} {
		found := form.FindStringSubmatch(c.ask("POST", path, "").Header().Get("WWW-Authenticate"))
		if found == nil || (found[1] != "") != scoped {
			t.Errorf("%s: the challenge is %q", path, found)
		}
	}
	other := client{t, registry.Handler(open(t), registry.Auth{Password: "another"})}
	if w := other.ask("POST", upload, writing); w.Code != 401 {
		t.Errorf("a token of another password: %d", w.Code)
	}
	again := client{t, registry.Handler(open(t), registry.Auth{Password: password})}
	if w := again.ask("POST", upload, writing); w.Code != 202 {
		t.Errorf("after a restart: %d %s", w.Code, w.Body)
	}
	none := client{t, registry.Handler(open(t), registry.Auth{})}
	none.token("")
	if w := none.ask("GET", "/v2/token", basic("")); w.Code != 401 {
		t.Errorf("without a password an empty one is right: %d", w.Code)
	}
	for _, authorization := range []string{basic(""), none.token(""), writing, "Bearer write.9999999999.x"} {
		if w := none.ask("POST", upload, authorization); w.Code != 401 {
			t.Errorf("without a password %q may write: %d", authorization, w.Code)
		}
	}
}

func TestTokensEnd(t *testing.T) {
	store := open(t)
	synctest.Test(t, func(t *testing.T) {
		c := client{t, registry.Handler(store, registry.Auth{Password: password})}
		writing := c.token(basic(password))
		time.Sleep(time.Minute)
		if w := c.ask("PUT", "/v2/token", writing); w.Code != 405 {
			t.Errorf("status %d", w.Code)
		}
		if w := c.ask("GET", "/v2/", writing); w.Code != 200 {
			t.Errorf("after a minute: %d", w.Code)
		}
		time.Sleep(time.Hour)
		if w := c.ask("GET", "/v2/", writing); w.Code != 401 {
			t.Errorf("after an hour: %d", w.Code)
		}
	})
}
