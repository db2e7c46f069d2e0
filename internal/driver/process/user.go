package process

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// nobody is who a program runs as when its image does not say.
const nobody = 65532

// lookUpUser turns USER of an image into numbers: "65532", "65532:65532", or a
// name in the image's own /etc/passwd.
func lookUpUser(image, user string) (uid, gid int, err error) {
	if user == "" {
		return nobody, nobody, nil
	}
	name, group, hasGroup := strings.Cut(user, ":")
	uid, err = strconv.Atoi(name)
	gid = uid
	if err != nil {
		if uid, gid, err = passwd(image, name); err != nil {
			return 0, 0, err
		}
	}
	if hasGroup {
		if gid, err = strconv.Atoi(group); err != nil {
			return 0, 0, fmt.Errorf("user %q: the group has to be a number", user)
		}
	}
	const most = 1<<32 - 2 // the number after is no user (setuid(2))
	if uid < 0 || gid < 0 || uid > most || gid > most {
		return 0, 0, fmt.Errorf("user %q: a number is not between 0 and %d", user, most)
	}
	return uid, gid, nil
}

func passwd(image, name string) (uid, gid int, err error) {
	root, err := os.OpenRoot(image)
	if err != nil {
		return 0, 0, fmt.Errorf("look up user %q: %w", name, err)
	}
	defer func() { _ = root.Close() }() // it was only read
	f, err := root.Open("etc/passwd")
	if err != nil {
		return 0, 0, fmt.Errorf("look up user %q in the image: %w", name, err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) < 4 || fields[0] != name {
			continue
		}
		uid, uidErr := strconv.Atoi(fields[2])
		gid, gidErr := strconv.Atoi(fields[3])
		if uidErr == nil && gidErr == nil {
			return uid, gid, nil
		}
	}
	return 0, 0, fmt.Errorf("user %q is not in the image's /etc/passwd", name)
}
