package script

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/davit-dev/davit/internal/build/recipe/tree"
)

// addgroup is a command of busybox and another one of Debian's.
func addgroup(s *Shell, args []string) (action, error) {
	o, err := grammar{"addgroup", "Sg:q", map[string]string{"system": "S", "gid": "g", "quiet": "q"}}.parse(args)
	if err != nil {
		return nil, err
	}
	if len(o.names) == 2 && len(o.values) == 0 {
		return s.join(o.names[0], o.names[1])
	}
	return s.newGroup(o, o.has("S"), false)
}

// groupadd is the command of shadow-utils.
func groupadd(s *Shell, args []string) (action, error) {
	o, err := grammar{"groupadd", "rfog:", map[string]string{"system": "r", "gid": "g", "force": "f", "non-unique": "o"}}.parse(args)
	if err != nil {
		return nil, err
	}
	return s.newGroup(o, o.has("r"), true)
}

func (s *Shell) newGroup(o options, system, last bool) (action, error) {
	if len(o.names) != 1 {
		return nil, refuse("%s is understood with one name", o.command)
	}
	if err := checkName(o.command, o.names[0]); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (int, error) {
		groups, err := s.accounts(ctx, "/etc/group")
		if err != nil {
			return 1, err
		}
		if _, _, found := groups.id(o.names[0]); found && o.has("f") {
			return 0, nil
		}
		gid, err := number(o.values["g"], groups, system, last)
		if err == nil {
			err = s.makeGroup(ctx, o.names[0], gid, groups)
		}
		return toStatus(err == nil), err
	}, nil
}

func (s *Shell) makeGroup(ctx context.Context, name string, gid int, groups accounts) error {
	if _, _, found := groups.id(name); found {
		return &usageError{fmt.Sprintf("group %q is there already", name)}
	}
	return s.addLine(ctx, "/etc/group", 0o644, name, "x", strconv.Itoa(gid), "")
}

// join makes a user a member of a group.
func (s *Shell) join(user, group string) (action, error) {
	return func(ctx context.Context) (int, error) {
		err := s.addMember(ctx, user, group)
		return toStatus(err == nil), err
	}, nil
}

func (s *Shell) addMember(ctx context.Context, user, group string) error {
	groups, err := s.accounts(ctx, "/etc/group")
	if err != nil {
		return err
	}
	at := slices.IndexFunc(groups, func(line []string) bool { return len(line) > 3 && line[0] == group })
	if at < 0 {
		return &usageError{fmt.Sprintf("there is no group %q", group)}
	}
	members := strings.FieldsFunc(groups[at][3], func(c rune) bool { return c == ',' })
	if !slices.Contains(members, user) {
		groups[at][3] = strings.Join(append(members, user), ",")
	}
	var text strings.Builder
	for _, line := range groups {
		text.WriteString(strings.Join(line, ":") + "\n")
	}
	return s.Tree.Write(ctx, "/etc/group", []byte(text.String()), tree.Owner{})
}
