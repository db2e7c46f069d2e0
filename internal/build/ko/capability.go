package ko

import (
	"maps"
	"slices"
	"strings"
)

// capabilities are those of a program's file, by name (capabilities(7)).
type capabilities struct{ permitted, inheritable, effective map[string]bool }

// parseCapabilities reads ko's linux_capabilities: names, and clauses as of
// cap_from_text(3), such as "net_bind_service,sys_nice=ep". The effective flag
// of a file is one for all that it holds.
func parseCapabilities(list []text) (names []string, effective bool, err error) {
	set := capabilities{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for _, t := range list {
		operators := strings.IndexAny(t.value, "+-=")
		if operators < 0 {
			operators = len(t.value)
		}
		members := strings.Split(t.value[:operators], ",")
		for i, member := range members {
			members[i] = strings.TrimPrefix(strings.ToLower(member), "cap_")
			if members[i] == "" || members[i] == "all" {
				return nil, false, t.at.errorf("name each one that the program needs", "%q is about all capabilities, which make a program as mighty as root", t.value)
			}
		}
		if operators == len(t.value) {
			set.apply(members, "+p")
			continue
		}
		if bad := strings.Trim(t.value[operators:], "+-=pie"); bad != "" {
			return nil, false, t.at.errorf("", "%q: %q is not a flag of a capability (allowed: p, i, e after =, + or -)", t.value, bad)
		}
		set.apply(members, t.value[operators:])
	}
	if len(set.inheritable) > 0 {
		return nil, false, list[0].at.errorf("use =ep or =p", "inheritable capabilities have no effect in a container: no runtime lets processes begin with any")
	}
	return slices.Sorted(maps.Keys(set.permitted)), len(set.effective) > 0, nil
}

// apply does what the operators and flags of a clause say, such as "=ep" or
// "-i+p", in their order.
func (c capabilities) apply(members []string, clause string) {
	adding := true
	for _, char := range clause {
		var set map[string]bool
		switch char {
		case '=':
			for _, member := range members {
				delete(c.permitted, member)
				delete(c.inheritable, member)
				delete(c.effective, member)
			}
			adding = true
		case '+', '-':
			adding = char == '+'
		case 'p':
			set = c.permitted
		case 'i':
			set = c.inheritable
		case 'e':
			set = c.effective
		}
		for _, member := range members {
			if set != nil && adding {
				set[member] = true
			} else if set != nil {
				delete(set, member)
			}
		}
	}
}
