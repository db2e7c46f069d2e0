package script

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
)

// test is test and [.
func test(s *Shell, args []string) (action, error) {
	if len(args) > 0 && args[len(args)-1] == "]" {
		args = args[:len(args)-1]
	}
	t := tester{shell: s, words: args}
	// Once without a look at the files, to see whether it is understood.
	if _, err := t.all(context.Background()); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (int, error) {
		t := tester{shell: s, words: args, look: true}
		ok, err := t.all(ctx)
		return toStatus(ok), err
	}, nil
}

// tester reads an expression from left to right: -a binds before -o, and !
// before both.
type tester struct {
	shell *Shell
	words []string
	look  bool
}

func (t *tester) all(ctx context.Context) (bool, error) {
	if len(t.words) == 0 {
		return false, nil
	}
	ok, err := t.or(ctx)
	if err == nil && len(t.words) > 0 {
		err = refuse("test: %q is not understood", t.words[0])
	}
	return ok, err
}

func (t *tester) or(ctx context.Context) (bool, error) {
	ok, err := t.and(ctx)
	for err == nil && t.skip("-o") {
		var right bool
		right, err = t.and(ctx)
		ok = ok || right
	}
	return ok, err
}

func (t *tester) and(ctx context.Context) (bool, error) {
	ok, err := t.not(ctx)
	for err == nil && t.skip("-a") {
		var right bool
		right, err = t.not(ctx)
		ok = ok && right
	}
	return ok, err
}

func (t *tester) skip(word string) bool {
	if len(t.words) > 1 && t.words[0] == word {
		t.words = t.words[1:]
		return true
	}
	return false
}

func (t *tester) not(ctx context.Context) (bool, error) {
	negated := false
	for t.skip("!") {
		negated = !negated
	}
	ok, err := t.primary(ctx)
	return ok != negated, err
}

func (t *tester) primary(ctx context.Context) (bool, error) {
	w := t.words
	switch {
	case len(w) >= 3 && isComparison(w[1]):
		t.words = w[3:]
		return compare(w[0], w[1], w[2])
	case len(w) >= 2 && len(w[0]) == 2 && w[0][0] == '-':
		t.words = w[2:]
		return t.unary(ctx, w[0][1], w[1])
	case len(w) >= 1:
		t.words = w[1:]
		return w[0] != "", nil
	}
	return false, refuse("test: a word is missing")
}

func isComparison(word string) bool {
	switch word {
	case "=", "==", "!=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge":
		return true
	}
	return false
}

func compare(left, op, right string) (bool, error) {
	switch op {
	case "=", "==":
		return left == right, nil
	case "!=":
		return left != right, nil
	}
	a, err := strconv.Atoi(left)
	b, err2 := strconv.Atoi(right)
	if errors.Join(err, err2) != nil {
		return false, nil //nolint:nilerr // what is no number compares as false, with a complaint
	}
	switch op {
	case "-eq":
		return a == b, nil
	case "-ne":
		return a != b, nil
	case "-lt":
		return a < b, nil
	case "-le":
		return a <= b, nil
	case "-gt":
		return a > b, nil
	}
	return a >= b, nil
}

func (t *tester) unary(ctx context.Context, op byte, word string) (bool, error) {
	switch op {
	case 'z':
		return word == "", nil
	case 'n':
		return word != "", nil
	case 'e', 'f', 'd', 's', 'x', 'r', 'L', 'h':
		if !t.look {
			return true, nil
		}
		return t.file(ctx, op, t.shell.abs(word))
	}
	return false, refuse("test -%c is not understood", op)
}

func (t *tester) file(ctx context.Context, op byte, name string) (bool, error) {
	look := t.shell.Tree.Stat
	if op == 'L' || op == 'h' {
		look = t.shell.Tree.Lstat
	}
	i, err := look(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	switch op {
	case 'f':
		return !i.Dir, nil
	case 'd':
		return i.Dir, nil
	case 's':
		return i.Dir || i.Size > 0, nil
	case 'x':
		return i.Mode&0o111 != 0, nil
	case 'L', 'h':
		return i.Link != "", nil
	}
	return true, nil
}
