package registry

import "regexp"

// The grammar of names (OCI distribution-spec 1.1, "Pulling manifests").
var (
	repositoryForm = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagForm        = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
)

// maxName bounds a repository's name.
const maxName = 255

func validRepository(name string) bool {
	return len(name) <= maxName && repositoryForm.MatchString(name)
}
