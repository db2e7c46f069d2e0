package script

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/davit-dev/davit/internal/build/recipe/tree"
)

// search is what find is asked for: all of its tests hold.
type search struct {
	from  []string
	tests []func(name, base string, dir bool) bool
	depth int
}

// mostFound bounds what find looks at.
const mostFound = 50000

// find prints names, sorted: the order of real file systems differs.
func find(s *Shell, args []string) (action, error) {
	q, err := parseFind(args)
	if err != nil {
		return nil, err
	}
	files := s.files()
	if s.rehearsal() && files == nil {
		s.print("0\n")
		return nil, nil
	}
	do := func(ctx context.Context) (int, error) {
		left := mostFound
		for _, from := range q.from {
			i, err := files.Lstat(ctx, s.abs(from))
			if err != nil {
				return 1, err
			}
			if err := q.walk(ctx, s, files, from, i, 0, &left); err != nil {
				return 1, err
			}
		}
		return 0, nil
	}
	if s.rehearsal() {
		_, err := do(context.Background())
		if isOrdinary(err) {
			err = nil
		}
		return nil, err
	}
	return do, nil
}

func (q search) walk(ctx context.Context, s *Shell, files Files, name string, i tree.Info, depth int, left *int) error {
	if *left--; *left < 0 {
		return refuse("find looks at more than %d files", mostFound)
	}
	if !slices.ContainsFunc(q.tests, func(test func(string, string, bool) bool) bool { return !test(name, path.Base(name), i.Dir) }) {
		s.print(name + "\n")
	}
	if !i.Dir || depth >= q.depth {
		return ctx.Err()
	}
	names, err := files.ReadDir(ctx, s.abs(name))
	if err != nil {
		return err
	}
	for _, base := range names {
		child := strings.TrimSuffix(name, "/") + "/" + base
		inside, err := files.Lstat(ctx, s.abs(child))
		if err == nil {
			err = q.walk(ctx, s, files, child, inside, depth+1, left)
		}
		if err != nil && !isOrdinary(err) {
			return err
		}
	}
	return nil
}

func parseFind(args []string) (search, error) {
	q := search{depth: 100}
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") && args[0] != "!" && args[0] != "(" {
		q.from, args = append(q.from, args[0]), args[1:]
	}
	if len(q.from) == 0 {
		q.from = []string{"."}
	}
	for len(args) > 0 {
		wanted := true
		for len(args) > 0 && (args[0] == "!" || args[0] == "-not") {
			wanted, args = !wanted, args[1:]
		}
		if len(args) == 1 && args[0] == "-print" && wanted {
			return q, nil
		}
		if len(args) < 2 {
			return q, refuse("find %s is not understood", strings.Join(args, " "))
		}
		if err := q.add(args[0], args[1], wanted); err != nil {
			return q, err
		}
		args = args[2:]
	}
	return q, nil
}

// add takes one test with its value.
func (q *search) add(word, value string, wanted bool) error {
	if word == "-maxdepth" && len(value) == 1 && value[0] >= '0' && value[0] <= '9' {
		q.depth = int(value[0] - '0')
		return nil
	}
	test, err := findTest(word, value)
	q.tests = append(q.tests, func(name, base string, dir bool) bool { return test(name, base, dir) == wanted })
	return err
}

func findTest(word, value string) (func(name, base string, dir bool) bool, error) {
	switch {
	case word == "-type" && value == "f":
		return func(_, _ string, dir bool) bool { return !dir }, nil
	case word == "-type" && value == "d":
		return func(_, _ string, dir bool) bool { return dir }, nil
	case word == "-name" && !strings.ContainsAny(value, `[\`):
		return func(_, base string, _ bool) bool { match, _ := path.Match(value, base); return match }, nil
	case (word == "-path" || word == "-wholename") && strings.Trim(value, "*") != "" && !strings.ContainsAny(strings.Trim(value, "*"), `*?[\`):
		return func(name, _ string, _ bool) bool { return pathMatches(value, name) }, nil
	}
	return nil, refuse("find %s %s is not understood", word, value)
}

// pathMatches matches a whole name with a text that has a star at its ends only.
func pathMatches(pattern, name string) bool {
	middle := strings.Trim(pattern, "*")
	switch before, after := pattern[0] == '*', pattern[len(pattern)-1] == '*'; {
	case before && after:
		return strings.Contains(name, middle)
	case before:
		return strings.HasSuffix(name, middle)
	case after:
		return strings.HasPrefix(name, middle)
	}
	return name == pattern
}
