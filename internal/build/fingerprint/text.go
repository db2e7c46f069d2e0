package fingerprint

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// states is what a record is mostly made of: thousands of lines that are read
// each time that nothing is to be done, so in a form that is read quickly. A line
// that begins with "/" is a folder; the others are states of what is in it:
// kind, size, times, inode, "r" or "-", sum or "-", and the quoted name.
type states []state

// MarshalText implements encoding.TextMarshaler.
func (all states) MarshalText() ([]byte, error) {
	var out bytes.Buffer
	folder := ""
	for _, s := range all {
		dir, name := path.Split(s.path)
		if dir != folder {
			folder = dir
			fmt.Fprintf(&out, "/%s\n", strconv.Quote(dir))
		}
		racy, sum := "-", "-"
		if s.racy {
			racy = "r"
		}
		if s.sum != "" {
			sum = s.sum
		}
		fmt.Fprintf(&out, "%s %d %d %d %d %s %s %s\n", s.kind, s.size, s.modified, s.changed, s.inode, racy, sum, strconv.Quote(name))
	}
	return out.Bytes(), nil
}

var errDamaged = errors.New("the record of the last build is damaged")

// UnmarshalText implements encoding.TextUnmarshaler.
func (all *states) UnmarshalText(text []byte) error {
	list := make(states, 0, bytes.Count(text, []byte("\n")))
	folder := ""
	for line := range strings.Lines(string(text)) {
		line, whole := strings.CutSuffix(line, "\n")
		if !whole {
			return errDamaged
		}
		var err error
		if quoted, isFolder := strings.CutPrefix(line, "/"); isFolder {
			if folder, err = strconv.Unquote(quoted); err != nil {
				return errDamaged
			}
			continue
		}
		s, err := parseState(line)
		if err != nil {
			return err
		}
		s.path = folder + s.path
		list = append(list, s)
	}
	*all = list
	return nil
}

func parseState(line string) (state, error) {
	var fields [7]string
	for i := range fields {
		var found bool
		if fields[i], line, found = strings.Cut(line, " "); !found {
			return state{}, errDamaged
		}
	}
	var s state
	switch s.kind = kind(fields[0]); s.kind {
	case content, stamped, names, sources, absence:
	default:
		return state{}, errDamaged
	}
	var errs [5]error
	s.size, errs[0] = strconv.ParseInt(fields[1], 10, 64)
	s.modified, errs[1] = strconv.ParseInt(fields[2], 10, 64)
	s.changed, errs[2] = strconv.ParseInt(fields[3], 10, 64)
	s.inode, errs[3] = strconv.ParseUint(fields[4], 10, 64)
	s.path, errs[4] = strconv.Unquote(line)
	if errors.Join(errs[:]...) != nil {
		return state{}, errDamaged
	}
	s.racy = fields[5] == "r"
	if fields[6] != "-" {
		s.sum = fields[6]
	}
	return s, nil
}
