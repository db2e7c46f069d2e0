package source

import (
	"context"
	"errors"
	"net/url"
	"os/exec"
	"strings"
)

// origin returns where the repository was cloned from, as publicURL has it; ""
// where it has no origin, or none that others can reach.
func (r repository) origin(ctx context.Context) (string, error) {
	out, err := r.run(ctx, "config", "--local", "--get", "remote.origin.url")
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 1 {
		return "", nil
	}
	return publicURL(strings.TrimSuffix(string(out), "\n")), err
}

// publicURL turns an address that git understands (git-clone(1), "GIT URLS") into
// a URL that can be shown to others: without passwords, tokens and personal
// names. Of a user, only "git" stays, who is everybody. Addresses of this machine
// come to "".
func publicURL(address string) string {
	if !strings.Contains(address, "://") {
		address = fromSCP(address)
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return ""
	}
	switch u.Scheme {
	case "https", "http", "git":
		u.User = nil
	case "ssh", "git+ssh", "ssh+git":
		u.Scheme = "ssh"
		if u.User.Username() == "git" {
			u.User = url.User("git")
		} else {
			u.User = nil
		}
	default:
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host, Path: strings.TrimRight(u.Path, "/")}).String()
}

// fromSCP turns [USER@]HOST:PATH into a URL; "" is what has another form. A slash
// before the first colon makes it a folder, two colons the name of a helper.
func fromSCP(address string) string {
	host, path, found := strings.Cut(address, ":")
	if strings.HasPrefix(path, ":") || !found || path == "" || strings.Contains(host, "/") {
		return ""
	}
	return "ssh://" + host + "/" + strings.TrimPrefix(path, "/")
}
