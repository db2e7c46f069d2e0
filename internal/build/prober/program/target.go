package main

import (
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// target is what is asked.
type target struct {
	text    string // as it was written
	http    bool   // else a connection is enough
	address string // host:port
	host    string // as the Host field has it
	path    string // with the query
}

// parseTarget reads a URL, with variables in it.
func parseTarget(text string) (target, error) {
	refuse := func(why string) (target, error) { return target{}, errors.New(text + " " + why) }
	scheme, rest, found := strings.Cut(expand(text), "://")
	if found && scheme == "https" {
		return refuse("cannot be asked, since there is no TLS in this program: use http:// or tcp://")
	}
	if !found || scheme != "http" && scheme != "tcp" {
		return refuse("is neither http://HOST:PORT/PATH nor tcp://HOST:PORT")
	}
	rest, _, _ = strings.Cut(rest, "#")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	t := target{text: text, http: scheme == "http", host: rest[:end], path: escape(rest[end:])}
	if !strings.HasPrefix(t.path, "/") {
		t.path = "/" + t.path
	}
	if strings.IndexFunc(t.host, notInHost) >= 0 {
		return refuse("names the host as " + strconv.Quote(t.host) + ": a variable is not set, or a character is none of a host's")
	}
	host, port, err := net.SplitHostPort(t.host)
	switch {
	case err != nil && t.http:
		host, port = strings.TrimSuffix(strings.TrimPrefix(t.host, "["), "]"), "80"
	case err != nil:
		return refuse("names no port")
	}
	if host == "" || port == "" || strings.ContainsAny(host, "[]") {
		return refuse("names no host or no port")
	}
	t.address = net.JoinHostPort(host, port)
	return t, nil
}

func notInHost(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune("$(){}@/\\", r) }

// ask makes one connection, or one request. It fails after the timeout at the
// latest.
func (t target) ask(timeout time.Duration, good func(status int) bool) error {
	deadline := time.Now().Add(timeout)
	conn, err := net.DialTimeout("tcp", t.address, max(timeout, 1)) //nolint:noctx // it has its limit; a context would be no better one
	if err != nil {
		return errors.New(t.address + ": " + bare(err).Error())
	}
	defer conn.Close()
	if !t.http {
		return nil
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return bare(err)
	}
	found, err := get(conn, t.host, t.path)
	if err != nil {
		return errors.New("GET " + t.path + ": " + bare(err).Error())
	}
	if !good(found.status) {
		return errors.New("GET " + t.path + ": " + found.text)
	}
	return nil
}

// bare leaves out the address that net puts before an error.
func bare(err error) error {
	var at *net.OpError
	if !errors.As(err, &at) {
		return err
	}
	if at.Timeout() {
		return errors.New("no answer in time")
	}
	return at.Err
}

// escape writes what may not stand in a request line as %XX (RFC 3986, 2.1), so
// that no variable can make two lines of it.
func escape(path string) string {
	const digits = "0123456789ABCDEF"
	var out []byte
	for _, c := range []byte(path) {
		if c <= ' ' || c >= 0x7f {
			out = append(out, '%', digits[c>>4], digits[c&15])
		} else {
			out = append(out, c)
		}
	}
	return string(out)
}

// expand puts variables in the place of $NAME, ${NAME} and $(NAME). What is not
// set stays as it stands.
func expand(text string) string {
	before, rest, found := strings.Cut(text, "$")
	if !found {
		return text
	}
	name, after := rest, ""
	if end := closing(rest); end > 0 {
		name, after = rest[1:end], rest[end+1:]
	} else if end := strings.IndexFunc(rest, notInName); end >= 0 {
		name, after = rest[:end], rest[end:]
	}
	value, set := os.LookupEnv(name)
	if !set {
		value = "$" + rest[:len(rest)-len(after)]
	}
	return before + value + expand(after)
}

// closing returns where the parenthesis or brace that text begins with is
// closed, -1 where it begins with none.
func closing(text string) int {
	switch {
	case strings.HasPrefix(text, "("):
		return strings.IndexByte(text, ')')
	case strings.HasPrefix(text, "{"):
		return strings.IndexByte(text, '}')
	}
	return -1
}

func notInName(r rune) bool {
	return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}
