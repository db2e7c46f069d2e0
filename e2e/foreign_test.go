package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestReliability22ForeignPagesGetNothingOfTheRemotePage sends what a page of
// somebody else could let the browser of an operator send to the address for other
// machines: across origins with all that the browser keeps, and under a name of its
// own that leads here (DNS rebinding), for which the browser keeps nothing.
func TestReliability22ForeignPagesGetNothingOfTheRemotePage(t *testing.T) {
	h := newHost(t)
	key, _ := h.token("eve", "admin")
	b := h.browser(t)
	res, err := b.PostForm(h.url+"/login", url.Values{"token": {key}})
	if err != nil {
		t.Fatal(err)
	}
	found := proofField.FindStringSubmatch(readAll(t, res))
	res.Body.Close()
	if found == nil {
		t.Fatal("no session")
	}
	proof := "proof=" + found[1]
	for name, c := range map[string]struct {
		method, path, body string
		kept, rebound      bool // with what the browser keeps; under another name
		want               int
	}{
		"across, to act":                  {http.MethodPost, "/act", proof + "&verb=rollback&target=orders", true, false, http.StatusForbidden},
		"across, to log out":              {http.MethodPost, "/logout", proof, true, false, http.StatusForbidden},
		"across, to log in":               {http.MethodPost, "/login", "token=" + key, false, false, http.StatusForbidden},
		"across, to push":                 {http.MethodPost, "/v2/orders/blobs/uploads/", "", true, false, http.StatusForbidden},
		"across, to ask the API":          {http.MethodPost, "/v1/shutdown", "", true, false, http.StatusForbidden},
		"rebound, to look":                {http.MethodGet, "/", "", false, true, http.StatusSeeOther},
		"rebound, to follow":              {http.MethodGet, "/events", "", false, true, http.StatusSeeOther},
		"rebound, to act":                 {http.MethodPost, "/act", proof + "&verb=rollback&target=orders", false, true, http.StatusSeeOther},
		"rebound, to ask the API":         {http.MethodGet, "/v1/status", "", false, true, http.StatusUnauthorized},
		"rebound, to pull":                {http.MethodGet, "/v2/orders/tags/list", "", false, true, http.StatusUnauthorized},
		"rebound, to read what it counts": {http.MethodGet, "/metrics", "", false, true, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), c.method, h.url+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("Origin", "https://evil.example")
			req.Header.Set("Sec-Fetch-Site", "cross-site")
			if c.rebound {
				req.Host = "evil.example"
				req.Header.Set("Sec-Fetch-Site", "same-origin")
			}
			client := &http.Client{Transport: b.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			if c.kept {
				client.Jar = b.Jar
				req.SetBasicAuth("any", key)
			}
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if body := readAll(t, res); res.StatusCode != c.want || strings.Contains(body, "Journal") {
				t.Errorf("%s, want %d: %s", res.Status, c.want, body)
			}
		})
	}
}
