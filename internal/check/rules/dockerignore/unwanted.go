package dockerignore

import (
	"path"
	"strings"
)

// unwanted is something in a context that no build needs.
type unwanted struct {
	name    string
	pattern string // that leaves it out
	secret  bool
	git     bool
	builds  bool // a build may use it all the same
}

// judge says whether an entry is there that should not go into a build. dir is
// the folder of the context.
func judge(dir string, e entry) (unwanted, bool) {
	u := unwanted{name: e.name, pattern: "**/" + path.Base(e.name)}
	base := path.Base(e.name)
	switch {
	case e.name == ".git":
		u.pattern, u.git = ".git", true
	case isEnv(base) && e.mode.IsRegular():
		u.secret = true
	case isKey(dir, e):
		u.pattern, u.secret = e.name, true
	case e.folder && base == "node_modules":
		u.builds = true
	case isLitter(e, base):
	case e.mode.IsRegular() && strings.HasSuffix(base, ".test") && isProgram(dir, e.name):
		u.pattern = "**/*.test"
	case isProgramPlace(e) && isProgram(dir, e.name):
		u.pattern = e.name
	default:
		return unwanted{}, false
	}
	return u, true
}

// isEnv knows files with variables for one machine; those that show how such a
// file looks are no secret.
func isEnv(base string) bool {
	if base == ".env" || base == ".envrc" {
		return true
	}
	rest, found := strings.CutPrefix(base, ".env.")
	for _, word := range []string{"example", "sample", "template", "dist", "defaults", "schema"} {
		if strings.Contains(rest, word) {
			return false
		}
	}
	return found
}

func isKey(dir string, e entry) bool {
	if !e.mode.IsRegular() || strings.Contains(e.name, "testdata/") {
		return false
	}
	switch base := path.Base(e.name); {
	case base == "id_rsa", base == "id_ed25519", base == "id_ecdsa", strings.HasSuffix(base, ".pem"), strings.HasSuffix(base, ".key"):
		return begins(dir, e.name, "-----BEGIN PRIVATE KEY", "-----BEGIN RSA PRIVATE KEY", "-----BEGIN EC PRIVATE KEY", "-----BEGIN OPENSSH PRIVATE KEY", "-----BEGIN ENCRYPTED PRIVATE KEY")
	}
	return false
}

func isCoverage(base string) bool {
	switch base {
	case "coverage.out", "cover.out", "coverage.html", "coverage.txt", "coverprofile.txt", "c.out":
		return true
	}
	return strings.HasSuffix(base, ".coverprofile")
}

// isLitter knows what editors, file managers and test runs leave behind.
func isLitter(e entry, base string) bool {
	if e.folder {
		return base == ".idea" || base == ".vscode"
	}
	return base == ".DS_Store" || e.mode.IsRegular() && isCoverage(base)
}

// isProgramPlace says that go build puts programs there when it is run by hand.
func isProgramPlace(e entry) bool {
	folder := path.Dir(e.name)
	return e.mode.IsRegular() && path.Ext(e.name) == "" && (folder == "." || folder == "bin" || folder == "dist" || folder == "build")
}

func isProgram(dir, name string) bool {
	return begins(dir, name, "\x7fELF", "MZ", "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe")
}
