package traffic

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// VersionHeader carries a pin's token in a request, and in the answer to a pinned
// request the version that gave it. Versions never get it.
const VersionHeader = "X-Davit-Version"

// MaxPin is the longest that a pin can hold. Nobody can take one back before,
// short of removing the edge's key.
const MaxPin = 24 * time.Hour

const forPin = "pin"

// Pin lets whoever holds its token choose a version of an app.
type Pin struct {
	Token string    `json:"token"`
	Until time.Time `json:"until"`
}

// pin returns the token LABEL:EXPIRY:MAC, with the expiry in Unix seconds.
func (k key) pin(app, label string, until time.Time) string {
	expiry := strconv.FormatInt(until.Unix(), 10)
	sum := k.sum(forPin, app, label, expiry)
	return label + ":" + expiry + ":" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// pinned returns the version that a token pins, if the edge made it for the app
// and it has not expired.
func (k key) pinned(token, app string, now time.Time) (label string, valid bool) {
	rest, signature, _ := cutLast(token)
	label, expiry, found := cutLast(rest)
	mac, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	sum := k.sum(forPin, app, label, expiry)
	if !found || err != nil || !hmac.Equal(mac, sum[:]) {
		return "", false
	}
	until, err := strconv.ParseInt(expiry, 10, 64)
	return label, err == nil && now.Unix() < until
}

func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+1:], true
}

// pinned returns the target that a request holds a token for; nil when there is
// none. A canary without weight is drained and stopped, so nothing enters it.
func (r *router) pinned(to *route, in *http.Request) *target {
	if in == nil || in.Header.Get(VersionHeader) == "" {
		return nil
	}
	label, valid := r.key.pinned(in.Header.Get(VersionHeader), to.App, r.now())
	switch {
	case !valid:
		return nil
	case label == to.stable.version.label:
		return to.stable
	case to.canary != nil && to.weight > 0 && label == to.canary.version.label:
		return to.canary
	default:
		return nil
	}
}

func (e *Edge) postPin(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	lasts, err := time.ParseDuration(q.Get("for"))
	if err != nil || lasts < time.Second || lasts > MaxPin {
		fail(w, http.StatusBadRequest, fmt.Errorf("for=%q is not a duration from 1s to %s", q.Get("for"), MaxPin))
		return
	}
	app, label := q.Get("app"), q.Get("label")
	if !validLabel(app) || !validVersion(label) {
		fail(w, http.StatusBadRequest, fmt.Errorf("%q of %q is not a version of an app", label, app))
		return
	}
	until := e.router.now().Add(lasts).Truncate(time.Second)
	answer(w, Pin{Token: e.router.key.pin(app, label, until), Until: until})
}

// Pin returns a token with which requests for the app get the version, as long
// as it has traffic, for at least a second and at most MaxPin.
func (c *Client) Pin(ctx context.Context, app, label string, lasts time.Duration) (Pin, error) {
	q := url.Values{"app": {app}, "label": {label}, "for": {lasts.String()}}
	var got Pin
	if err := c.call(ctx, http.MethodPost, "/pin?"+q.Encode(), nil, &got); err != nil {
		return Pin{}, fmt.Errorf("pin %s of %s: %w", label, app, err)
	}
	return got, nil
}
