// Package access says who may do what from other machines: tokens with a role, for
// some apps or for all. It is a fold over entries of the journal and knows nothing
// of how they get there. Its invariant: the secret of a token is nowhere but with
// its holder.
package access

import (
	"fmt"
	"slices"
)

// Role is what the holder of a token may do. Each may do what those before it may.
type Role string

// The roles.
const (
	Viewer   Role = "viewer"   // look at everything but secrets, and pull
	Deployer Role = "deployer" // push, ship, and steer releases
	Admin    Role = "admin"    // secrets, tokens, backups, and the end of apps
)

// roles are in the order of what they may do.
var roles = []Role{Viewer, Deployer, Admin}

// ParseRole reads the name of a role.
func ParseRole(name string) (Role, error) {
	if role := Role(name); slices.Contains(roles, role) {
		return role, nil
	}
	return "", fmt.Errorf("%q is not a role: viewer, deployer or admin", name)
}

// Includes reports whether r may do what needed may. What is no role may nothing.
func (r Role) Includes(needed Role) bool {
	mine, theirs := slices.Index(roles, r), slices.Index(roles, needed)
	return mine >= 0 && theirs >= 0 && mine >= theirs
}
