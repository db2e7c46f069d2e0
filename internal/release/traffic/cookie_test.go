package traffic

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func withCookies(values ...string) *http.Request {
	return &http.Request{Header: http.Header{"Cookie": values}}
}

func TestSessionCookie(t *testing.T) {
	k := newKey()
	s := newSession(newSessions(k, "a", "r2").birth())
	value := k.sign(s, "a")
	if got, known := k.session(withCookies("x=1; davit_session="+value+"; y=2"), "a"); !known || got != s {
		t.Fatalf("%+v, %v", got, known)
	}
	if got, known := k.session(withCookies("davit_session=forged; davit_session="+value), "a"); !known || got != s {
		t.Errorf("behind a forged one: %+v, %v", got, known)
	}
	changed := []string{"", value[1:], value + "A", value[:len(value)-4], strings.Repeat("A", len(value))}
	for i := range value {
		other := byte('A')
		if value[i] == other {
			other = 'B'
		}
		changed = append(changed, value[:i]+string(other)+value[i+1:])
	}
	for _, v := range changed {
		if got, known := k.session(withCookies("davit_session="+v), "a"); known {
			t.Errorf("%s is taken for the session %+v", v, got)
		}
	}
	if _, known := k.session(withCookies("davit_session="+value), "b"); known {
		t.Error("the cookie of one app is good for another")
	}
	if _, known := newKey().session(withCookies("davit_session="+value), "a"); known {
		t.Error("the cookie of one edge is good for another")
	}
}

func FuzzSessionCookie(f *testing.F) {
	k := key{1, 2, 3}
	f.Add(k.sign(session{}, "a"))
	f.Add("davit_session=; davit_session")
	f.Fuzz(func(t *testing.T, value string) {
		s, known := k.session(withCookies("davit_session="+value), "a")
		if known && !strings.Contains(value, k.sign(s, "a")) {
			t.Errorf("%q is a session that was never signed", value)
		}
		h := http.Header{"Cookie": {value}}
		stripCookie(h)
		if in := (&http.Request{Header: h}); len(in.CookiesNamed(sessionCookie)) > 0 {
			t.Errorf("of %q there is still %q", value, h)
		}
	})
}

func TestTheEdgesCookieIsStripped(t *testing.T) {
	for _, c := range []struct{ in, want []string }{
		{nil, nil},
		{[]string{"a=1; b=2"}, []string{"a=1; b=2"}},
		{[]string{"davit_session=x"}, nil},
		{[]string{"davit_session=x; a=1"}, []string{"a=1"}},
		{[]string{`a="1"; davit_session=x; b=2;c`}, []string{`a="1"; b=2;c`}},
		{[]string{"my_davit_session=x; a=davit_session"}, []string{"my_davit_session=x; a=davit_session"}},
		{[]string{"a=1", "davit_session=x", "b=2"}, []string{"a=1", "b=2"}},
	} {
		h := http.Header{"Accept": {"*/*"}}
		if c.in != nil {
			h["Cookie"] = c.in
		}
		stripCookie(h)
		if got := h["Cookie"]; !reflect.DeepEqual(got, c.want) {
			t.Errorf("of %q there is %q, want %q", c.in, got, c.want)
		}
	}
}

func TestKeyIsKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "edge.key")
	made, err := readKey(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: others can read it", info.Mode(), err)
	}
	if again, err := readKey(file); err != nil || again != made {
		t.Errorf("another key after the first: %v", err)
	}
	if err := os.WriteFile(file, made[:7], 0o600); err != nil {
		t.Fatal(err)
	}
	if k, err := readKey(file); err == nil || k == (key{}) || bytes.Equal(k[:7], made[:7]) {
		t.Errorf("a damaged key: %v", err)
	}
	if _, err := readKey(filepath.Join(file, "below")); err == nil {
		t.Error("a key that cannot be kept is no error")
	}
}
