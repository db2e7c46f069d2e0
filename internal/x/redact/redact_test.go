package redact_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/x/redact"
)

func TestText(t *testing.T) {
	const password = `p@ss "word"/1&2`
	r := redact.New(password, "short", "-----BEGIN KEY-----\nMIIBVgIBADANBg\nx\n-----END KEY-----\n", "hunter22", "hunter22-and-more")
	for text, want := range map[string]string{
		"it is " + password + ".":                                   "it is [redacted].",
		(&url.URL{User: url.UserPassword("me", password)}).String(): "//me:[redacted]@",
		url.Values{"key": {password}}.Encode():                      "key=[redacted]",
		`{"password":"p@ss \"word\"/1&2"}`:                          `{"password":"[redacted]"}`,
		"a short one stays":                                         "a short one stays",
		"key: MIIBVgIBADANBg":                                       "key: [redacted]",
		"hunter22-and-more":                                         "[redacted]",
		"hunter22hunter22":                                          "[redacted][redacted]",
	} {
		if got := r.Text(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	if got := redact.New("", "tiny").Text("tiny"); got != "tiny" {
		t.Errorf("got %q", got)
	}
}

func FuzzText(f *testing.F) {
	f.Add("secret-value", "before ", " after")
	f.Add("[redacted]", "[", "]")
	f.Fuzz(func(t *testing.T, value, before, after string) {
		value = strings.TrimSpace(value)
		if len(value) < redact.Shortest || strings.ContainsAny(value, "\n[]") || strings.Contains(redact.Mark, value) {
			return
		}
		if got := redact.New(value).Text(before + value + after); strings.Contains(strings.ReplaceAll(got, redact.Mark, "\x00"), value) {
			t.Errorf("%q is still in %q", value, got)
		}
	})
}
