package script

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/davit-dev/davit/internal/build/recipe/tree"
)

// accounts are the lines of /etc/passwd or /etc/group, split at the colons.
type accounts [][]string

func (s *Shell) accounts(ctx context.Context, name string) (accounts, error) {
	return readAccounts(ctx, s.Tree, name)
}

func readAccounts(ctx context.Context, t *tree.Tree, name string) (accounts, error) {
	data, err := t.ReadFile(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var lines accounts
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, strings.Split(line, ":"))
		}
	}
	return lines, nil
}

// id returns the number of an account and, for a user, that of the group.
func (a accounts) id(name string) (id, group int, found bool) {
	for _, line := range a {
		if len(line) < 3 || line[0] != name {
			continue
		}
		id, err := strconv.Atoi(line[2])
		if err != nil {
			return 0, 0, false
		}
		if len(line) > 3 {
			group, _ = strconv.Atoi(line[3]) // of a group these are the members
		}
		return id, group, true
	}
	return 0, 0, false
}

func (a accounts) group(uid int) int {
	for _, line := range a {
		if len(line) > 3 && line[2] == strconv.Itoa(uid) {
			group, _ := strconv.Atoi(line[3]) // 0 for what is no number
			return group
		}
	}
	return 0
}

func (a accounts) taken(id int) bool {
	return slices.ContainsFunc(a, func(line []string) bool { return len(line) > 2 && line[2] == strconv.Itoa(id) })
}

// free returns the first number that is not taken, from first towards last.
func (a accounts) free(first, last int) (int, error) {
	step := 1
	if last < first {
		step = -1
	}
	for id := first; id != last+step; id += step {
		if !a.taken(id) {
			return id, nil
		}
	}
	return 0, &usageError{"no number is free"}
}

// Lookup returns the numbers of a user and a group, each a name, a number or
// empty. The group of a user without one is that of /etc/passwd, or 0.
func Lookup(ctx context.Context, t *tree.Tree, user, group string) (uid, gid int, err error) {
	if uid, gid, err = lookupUser(ctx, t, user); err != nil || group == "" {
		return uid, gid, err
	}
	if gid, err := strconv.Atoi(group); err == nil {
		return uid, gid, nil
	}
	groups, err := readAccounts(ctx, t, "/etc/group")
	if err != nil {
		return 0, 0, err
	}
	gid, _, found := groups.id(group)
	if !found {
		return 0, 0, &usageError{fmt.Sprintf("there is no group %q in /etc/group", group)}
	}
	return uid, gid, nil
}

func lookupUser(ctx context.Context, t *tree.Tree, user string) (uid, gid int, err error) {
	if user == "" || user == "0" || user == "root" {
		return 0, 0, nil
	}
	uid, notNumber := strconv.Atoi(user)
	users, err := readAccounts(ctx, t, "/etc/passwd")
	if err != nil {
		return 0, 0, err
	}
	if notNumber == nil {
		return uid, users.group(uid), nil
	}
	uid, gid, found := users.id(user)
	if !found {
		return 0, 0, &usageError{fmt.Sprintf("there is no user %q in /etc/passwd", user)}
	}
	return uid, gid, nil
}

// addLine adds an account to a file, which is root's.
func (s *Shell) addLine(ctx context.Context, name string, mode int64, fields ...string) error {
	before, err := s.Tree.ReadFile(ctx, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(before) > 0 && before[len(before)-1] != '\n' {
		before = append(before, '\n')
	}
	info, statErr := s.Tree.Stat(ctx, name)
	if statErr != nil {
		info = tree.Info{Mode: mode}
	}
	data := append(before, strings.Join(fields, ":")+"\n"...)
	return s.Tree.Put(ctx, name, bytes.NewReader(data), tree.Info{Mode: info.Mode, Owner: info.Owner})
}
