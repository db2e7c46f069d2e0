package script

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"github.com/davit-dev/davit/internal/build/recipe/tree"
)

// account is a user that is made.
type account struct {
	name, comment, home, shell string
	uid                        string // "" for a free one
	group                      string // name or number; "" for the usual one
	more                       []string
	system, makeHome           bool
	homeMode                   int64
	last                       bool // numbers of system accounts are given from the last one down
	nogroup                    int  // group of system users without one; 0 for one of their own
}

var accountName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*\$?$`)

func checkName(command, name string) error {
	if !accountName.MatchString(name) {
		return refuse("%s: %q is not a name", command, name)
	}
	return nil
}

// adduserFlags are those of busybox and of Debian's adduser.
func adduserFlags() grammar {
	return grammar{"adduser", "DSHh:g:s:u:G:k:q", map[string]string{
		"disabled-password": "D", "disabled-login": "D", "system": "S", "no-create-home": "H", "home": "h",
		"gecos": "g", "comment": "g", "shell": "s", "uid": "u", "ingroup": "G", "gid": "G", "quiet": "q", "group": "q",
	}}
}

// adduser is a command of busybox, which Alpine has, and another one of Debian's.
func adduser(s *Shell, args []string) (action, error) {
	o, err := adduserFlags().parse(args)
	if err != nil {
		return nil, err
	}
	ownGroup := strings.Contains(" "+strings.Join(args, " ")+" ", " --group ")
	if len(o.names) == 2 && len(o.values) == 0 {
		return s.join(o.names[0], o.names[1])
	}
	if len(o.names) == 2 && !o.has("G") && s.Stage.System == Alpine {
		o.values["G"] = o.names[1]
		o.names = o.names[:1]
	}
	if len(o.names) != 1 || o.has("k") {
		return nil, refuse("adduser is understood with one name")
	}
	a := account{
		name: o.names[0], comment: o.values["g"], home: o.values["h"], shell: o.values["s"],
		uid: o.values["u"], group: o.values["G"], system: o.has("S"), makeHome: !o.has("H"),
	}
	switch s.Stage.System {
	case Alpine:
		a.homeMode, a.nogroup = 0o2755, 65533
		if !o.has("g") {
			a.comment = "Linux User,,,"
		}
	case Debian:
		a.homeMode, a.nogroup = 0o755, 65534
		if ownGroup {
			a.nogroup = 0
		}
	default:
		return nil, refuse("adduser does other things in other systems, and that of this image is not known by its name")
	}
	if a.home == "" {
		a.home = "/home/" + a.name
	}
	if a.shell == "" {
		a.shell = map[bool]map[System]string{
			true:  {Alpine: "/sbin/nologin", Debian: "/usr/sbin/nologin"},
			false: {Alpine: "/bin/sh", Debian: "/bin/bash"},
		}[a.system][s.Stage.System]
	}
	return s.addUser(a)
}

// useradd is the command of shadow-utils.
func useradd(s *Shell, args []string) (action, error) {
	o, err := grammar{"useradd", "rmMUNlou:g:G:d:s:c:", map[string]string{
		"system": "r", "create-home": "m", "no-create-home": "M", "user-group": "U", "uid": "u", "gid": "g",
		"groups": "G", "home-dir": "d", "home": "d", "shell": "s", "comment": "c", "no-log-init": "l", "non-unique": "o",
	}}.parse(args)
	if err != nil {
		return nil, err
	}
	if len(o.names) != 1 || o.has("N") {
		return nil, refuse("useradd is understood with one name")
	}
	a := account{
		name: o.names[0], comment: o.values["c"], home: o.values["d"], shell: o.values["s"],
		uid: o.values["u"], group: o.values["g"], system: o.has("r"), makeHome: o.has("m"), homeMode: 0o755, last: true,
	}
	if groups := o.values["G"]; groups != "" {
		a.more = strings.Split(groups, ",")
	}
	if a.home == "" {
		a.home = "/home/" + a.name
	}
	if a.shell == "" {
		a.shell = "/bin/sh"
	}
	return s.addUser(a)
}

func (s *Shell) addUser(a account) (action, error) {
	if err := checkName("user", a.name); err != nil {
		return nil, err
	}
	if strings.ContainsAny(a.comment+a.home+a.shell+a.uid+a.group, ":\n") {
		return nil, refuse("a colon in a field of /etc/passwd is not understood")
	}
	return func(ctx context.Context) (int, error) {
		err := s.makeUser(ctx, a)
		return toStatus(err == nil), err
	}, nil
}

func (s *Shell) makeUser(ctx context.Context, a account) error {
	users, err := s.accounts(ctx, "/etc/passwd")
	if err != nil {
		return err
	}
	if _, _, found := users.id(a.name); found {
		return &usageError{fmt.Sprintf("user %q is there already", a.name)}
	}
	uid, err := number(a.uid, users, a.system, a.last)
	if err != nil {
		return err
	}
	gid, err := s.groupOf(ctx, a, uid)
	if err != nil {
		return err
	}
	err = s.addLine(ctx, "/etc/passwd", 0o644, a.name, "x", strconv.Itoa(uid), strconv.Itoa(gid), a.comment, a.home, a.shell)
	if err == nil {
		// The day of the last change is left out: it would be another one tomorrow.
		err = s.addLine(ctx, "/etc/shadow", 0o640, a.name, "!", "", "0", "99999", "7", "", "", "")
	}
	for _, group := range a.more {
		if err == nil {
			err = s.addMember(ctx, a.name, group)
		}
	}
	if err != nil || !a.makeHome {
		return err
	}
	return s.makeHome(ctx, a, tree.Owner{UID: uid, GID: gid})
}

// number returns the number that is asked for, or a free one.
func number(asked string, among accounts, system, last bool) (int, error) {
	switch {
	case asked != "":
		id, err := strconv.Atoi(asked)
		if err != nil || id < 0 {
			return 0, &usageError{fmt.Sprintf("%q is not a number", asked)}
		}
		return id, nil
	case system && last:
		return among.free(999, 100)
	case system:
		return among.free(100, 999)
	}
	return among.free(1000, 59999)
}

// groupOf returns the group of a new user, which may be a new one.
func (s *Shell) groupOf(ctx context.Context, a account, uid int) (int, error) {
	if a.group != "" {
		_, gid, err := Lookup(ctx, s.Tree, "", a.group)
		return gid, err
	}
	if a.system && a.nogroup != 0 {
		return a.nogroup, nil
	}
	groups, err := s.accounts(ctx, "/etc/group")
	if err != nil {
		return 0, err
	}
	gid := uid
	if groups.taken(gid) {
		if gid, err = number("", groups, a.system, a.last); err != nil {
			return 0, err
		}
	}
	return gid, s.makeGroup(ctx, a.name, gid, groups)
}

func (s *Shell) makeHome(ctx context.Context, a account, owner tree.Owner) error {
	if _, err := s.Tree.Stat(ctx, a.home); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := s.Tree.MkdirAll(ctx, a.home, 0o755, tree.Owner{}); err != nil {
		return err
	}
	err := s.Tree.Chmod(ctx, a.home, func(tree.Info) int64 { return a.homeMode })
	if err != nil {
		return err
	}
	return s.Tree.Chown(ctx, a.home, func(tree.Owner) tree.Owner { return owner })
}
