package audit

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// redacted stands where a secret stood.
const redacted = "[redacted]"

// shape is what a secret looks like inside a text, and what to leave of it. A
// text without any of the hints, in small letters, cannot hold one: looking for
// these first makes the usual text cheap.
type shape struct {
	hints   []string
	pattern *regexp.Regexp
	leave   string
}

// secretWords is what the names of secrets have in them, as they are written in
// environment variables, flags, headers and queries.
const secretWords = `(?:password|passwd|passphrase|pwd|secret|token|credentials?|api[_-]?key|access[_-]?key|private[_-]?key|signing[_-]?key)`

var secretHints = []string{"passw", "passphrase", "pwd", "secret", "token", "credential", "key"}

// shapes are tried in this order: whole keys before what may stand inside them.
var shapes = []shape{
	{[]string{"private key"}, regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z0-9 ]*-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z0-9 ]*-----|\z)`), redacted},
	{[]string{"private+key+"}, regexp.MustCompile(`PRIVATE\+KEY\+\S+`), redacted},           // sumdb/note
	{[]string{"age-secret-key"}, regexp.MustCompile(`AGE-SECRET-KEY-1[0-9A-Z]+`), redacted}, // age
	{[]string{"://"}, regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://[^\s/?#@:"']*:)[^\s/?#"']+@`), "$1" + redacted + "@"},
	{[]string{"eyj"}, regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)+`), redacted},   // JWT
	{[]string{"akia", "asia", "abia", "acca"}, regexp.MustCompile(`\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b`), redacted}, // AWS
	{[]string{"gh"}, regexp.MustCompile(`\bgh[pousr]_[A-Za-z0-9]{20,}`), redacted},
	{[]string{"github_pat_"}, regexp.MustCompile(`\bgithub_pat_[A-Za-z0-9_]{20,}`), redacted},
	{[]string{"glpat-"}, regexp.MustCompile(`\bglpat-[A-Za-z0-9_.-]{20,}`), redacted}, // GitLab
	{[]string{"xox"}, regexp.MustCompile(`\bxox[a-z]-[A-Za-z0-9-]{10,}`), redacted},   // Slack
	{[]string{"hooks.slack.com"}, regexp.MustCompile(`\bhooks\.slack\.com/services/[A-Za-z0-9/]+`), "hooks.slack.com/services/" + redacted},
	{[]string{"k_live_", "k_test_"}, regexp.MustCompile(`\b[rs]k_(?:live|test)_[A-Za-z0-9]{10,}`), redacted}, // Stripe
	{[]string{"aiza"}, regexp.MustCompile(`\bAIza[A-Za-z0-9_-]{35}`), redacted},                              // Google
	{[]string{"npm_", "dckr_pat_", "pypi-"}, regexp.MustCompile(`\b(?:npm_[A-Za-z0-9]{36}|dckr_pat_[A-Za-z0-9_-]{20,}|pypi-[A-Za-z0-9_-]{50,})`), redacted},
	{[]string{"authorization"}, regexp.MustCompile(`(?i)(\bauthorization\\*["']?\s*[:=]\s*\\*["']?(?:bearer |basic |token |digest )?)[^\s"',;\\]+`), "$1" + redacted},
	{[]string{"bearer"}, regexp.MustCompile(`(?i)(\bbearer\s+)[A-Za-z0-9._~+/=-]{16,}`), "$1" + redacted},
	{secretHints, regexp.MustCompile(`(?i)([a-z0-9_.-]*` + secretWords + `[a-z0-9_.-]*=)(?:"[^"]*"|'[^']*'|[^\s&,;"'])+`), "$1" + redacted},
	{secretHints, regexp.MustCompile(`(?i)(\\*["'][a-z0-9_.-]*` + secretWords + `[a-z0-9_.-]*\\*["']\s*:\s*\\*["'])[^"'\\]+`), "$1" + redacted},
}

// Redact takes out of a JSON value what looks like a secret: strings and numbers
// under a key that names one, and the parts of other strings that have the shape
// of one. What it returns has the same structure, is compact, and is not changed
// by another Redact. It is a net under the callers, who know better what they
// hand over: a secret without a name and without a shape goes through. What is
// not JSON is taken as text and comes back as a JSON string; nothing and null
// come back as nil.
func Redact(data json.RawMessage) json.RawMessage {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	if !json.Valid(data) {
		return quote(redactText(string(data)))
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	r := redaction{dec: dec}
	r.value(false)
	if r.out.String() == "null" {
		return nil
	}
	return r.out.Bytes()
}

// redaction copies a valid JSON value token by token, which keeps the order of
// its keys and the spelling of its numbers.
type redaction struct {
	dec *json.Decoder
	out bytes.Buffer
}

// value copies the next value; secret is true under the name of a secret.
func (r *redaction) value(secret bool) {
	switch token := r.token().(type) {
	case json.Delim:
		r.container(token, secret)
	case string:
		r.out.Write(quote(redactString(token, secret)))
	case json.Number:
		if secret {
			token = "0"
		}
		r.out.WriteString(token.String())
	case bool:
		if token {
			r.out.WriteString("true")
		} else {
			r.out.WriteString("false")
		}
	case nil:
		r.out.WriteString("null")
	}
}

func (r *redaction) container(open json.Delim, secret bool) {
	r.out.WriteString(open.String())
	for first := true; r.dec.More(); first = false {
		if !first {
			r.out.WriteByte(',')
		}
		inner := secret
		if open == '{' {
			key, _ := r.token().(string)
			inner = inner || secretName(key)
			r.out.Write(quote(redactText(key)))
			r.out.WriteByte(':')
		}
		r.value(inner)
	}
	closing, _ := r.token().(json.Delim)
	r.out.WriteString(closing.String())
}

// token returns the next token; there is one, because the value is valid.
func (r *redaction) token() json.Token {
	token, err := r.dec.Token()
	if err != nil {
		return nil
	}
	return token
}

func redactString(s string, secret bool) string {
	if secret && s != "" {
		return redacted
	}
	return redactText(s)
}

// redactText tries the shapes until nothing changes, because what one leaves can
// have the shape of another. Nearly always that is after the first time.
func redactText(s string) string {
	for range len(shapes) {
		next := redactOnce(s)
		if next == s {
			break
		}
		s = next
	}
	return s
}

func redactOnce(s string) string {
	lower := strings.ToLower(s)
	for _, shape := range shapes {
		if slices.ContainsFunc(shape.hints, func(hint string) bool { return strings.Contains(lower, hint) }) {
			s = shape.pattern.ReplaceAllString(s, shape.leave)
		}
	}
	return s
}

// secretName says whether what stands under a key is a secret: password,
// clientSecret, X-Api-Key; but not secret_name, token_ttl.
func secretName(key string) bool {
	words := nameWords(key)
	if len(words) == 0 || slices.Contains([]string{
		"count", "length", "size", "ttl", "timeout", "expires", "expiry", "version", "versions",
		"name", "names", "type", "policy", "path", "file",
	}, words[len(words)-1]) {
		return false
	}
	joined := strings.Join(words, "")
	for _, part := range []string{
		"password", "passwd", "passphrase", "secret", "apikey", "accesskey", "privatekey", "signingkey",
		"credential", "authorization", "cookie",
	} {
		if strings.Contains(joined, part) {
			return true
		}
	}
	for _, word := range words {
		if word == "pwd" || word == "jwt" || strings.HasSuffix(word, "token") || strings.HasSuffix(word, "tokens") {
			return true
		}
	}
	return false
}

// nameWords splits a name at what is no letter or digit and where a capital
// follows a small letter, in small letters.
func nameWords(name string) []string {
	var words []string
	var word strings.Builder
	end := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	lower := false
	for _, c := range name {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			end()
			lower = false
			continue
		}
		if unicode.IsUpper(c) && lower {
			end()
		}
		lower = unicode.IsLower(c)
		word.WriteRune(unicode.ToLower(c))
	}
	end()
	return words
}

// quote returns s as a JSON string without needless escapes.
func quote(s string) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(strings.ToValidUTF8(s, "\uFFFD")) // a string can be encoded, and a buffer written to
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}
