package makefile

import (
	"context"
	"path"
	"slices"
	"strconv"
	"strings"
)

// call is one use of a function.
type call struct {
	*Make
	at   place
	in   *scope
	name string
}

// function is one that make has.
type function struct {
	least, most int // arguments; most 0 for any number
	// words gets the arguments expanded; lazy gets them as they are written.
	words func(args []string) string
	lazy  func(ctx context.Context, c call, args []string) (string, error)
}

// functions are those that are understood. What is missing here is a function
// whose result is not known: see refused.
func functions() map[string]function {
	all := map[string]function{
		"patsubst": {least: 3, most: 3, words: func(a []string) string {
			return eachWord(a[2], func(w string) (string, bool) { return patsubst(strings.TrimSpace(a[0]), a[1], w), true })
		}},
		"subst":      {least: 3, most: 3, words: subst},
		"strip":      {least: 1, most: 1, words: func(a []string) string { return strings.Join(strings.Fields(a[0]), " ") }},
		"findstring": {least: 2, most: 2, words: findString},
		"filter":     {least: 2, most: 2, words: func(a []string) string { return filter(a, true) }},
		"filter-out": {least: 2, most: 2, words: func(a []string) string { return filter(a, false) }},
		"sort":       {least: 1, most: 1, words: sortWords},
		"words":      {least: 1, most: 1, words: func(a []string) string { return strconv.Itoa(len(strings.Fields(a[0]))) }},
		"firstword":  {least: 1, most: 1, words: func(a []string) string { return at(strings.Fields(a[0]), 0) }},
		"lastword":   {least: 1, most: 1, words: func(a []string) string { w := strings.Fields(a[0]); return at(w, len(w)-1) }},
		"word":       {least: 2, most: 2, lazy: word},
		"wordlist":   {least: 3, most: 3, lazy: wordList},
		"dir":        perWord(dirOf),
		"notdir":     perWord(func(w string) string { _, base := path.Split(w); return base }),
		"basename":   perWord(func(w string) string { return strings.TrimSuffix(w, suffixOf(w)) }),
		"suffix":     perWord(suffixOf),
		"addprefix": {least: 2, most: 2, words: func(a []string) string {
			return eachWord(a[1], func(w string) (string, bool) { return a[0] + w, true })
		}},
		"addsuffix": {least: 2, most: 2, words: func(a []string) string {
			return eachWord(a[1], func(w string) (string, bool) { return w + a[0], true })
		}},
		"join":     {least: 2, most: 2, words: joinWords},
		"if":       {least: 2, most: 3, lazy: choose},
		"or":       {least: 1, lazy: either},
		"and":      {least: 1, lazy: both},
		"foreach":  {least: 3, most: 3, lazy: forEach},
		"call":     {least: 1, lazy: callVariable},
		"value":    {least: 1, most: 1, lazy: valueOf},
		"origin":   {least: 1, most: 1, lazy: originOf},
		"flavor":   {least: 1, most: 1, lazy: flavorOf},
		"shell":    {least: 1, most: 1, lazy: shellOf},
		"wildcard": {least: 1, most: 1, lazy: wildcardOf},
		"abspath":  {least: 1, most: 1, lazy: absPath},
		"realpath": {least: 1, most: 1, lazy: realPath},
		"info":     {least: 1, most: 1, lazy: silent},
		"warning":  {least: 1, most: 1, lazy: silent},
		"error":    {least: 1, most: 1, lazy: complain},
		"eval":     {least: 1, most: 1, lazy: evalText},
	}
	for _, name := range []string{"file", "guile", "let", "intcmp"} {
		all[name] = function{least: 1, lazy: refused}
	}
	return all
}

func refused(_ context.Context, c call, _ []string) (string, error) {
	return "", unsupported(c.at, "$(%s …) is not understood", c.name)
}

// run splits the arguments of a function and calls it.
func (c call) run(ctx context.Context, f function, text string) (string, error) {
	var args []string
	for rest, more := text, true; more; {
		var arg string
		if f.most > 0 && len(args) == f.most-1 {
			arg, more = rest, false
		} else {
			arg, rest, more = cutArgument(rest)
		}
		args = append(args, arg)
	}
	if len(args) < f.least {
		return "", unsupported(c.at, "$(%s …) with %d arguments is not understood", c.name, len(args))
	}
	if f.lazy != nil {
		return f.lazy(ctx, c, args)
	}
	for i := range args {
		var err error
		if args[i], err = c.text(ctx, args[i]); err != nil {
			return "", err
		}
	}
	return f.words(args), nil
}

// cutArgument cuts at the first comma that no parentheses protect.
func cutArgument(text string) (before, after string, found bool) {
	depth := 0
	for i := 0; i < len(text); {
		switch text[i] {
		case '$':
			i = skip(text, i)
			continue
		case '(', '{':
			depth++
		case ')', '}':
			depth--
		case ',':
			if depth <= 0 {
				return text[:i], text[i+1:], true
			}
		}
		i++
	}
	return text, "", false
}

func (c call) text(ctx context.Context, arg string) (string, error) {
	return c.expand(ctx, c.at, arg, c.in)
}

func perWord(change func(string) string) function {
	return function{least: 1, most: 1, words: func(a []string) string {
		return eachWord(a[0], func(w string) (string, bool) {
			changed := change(w)
			return changed, changed != ""
		})
	}}
}

func at(words []string, i int) string {
	if i < 0 || i >= len(words) {
		return ""
	}
	return words[i]
}

func subst(a []string) string {
	if a[0] == "" {
		return a[2] + a[1]
	}
	return strings.ReplaceAll(a[2], a[0], a[1])
}

func findString(a []string) string {
	if strings.Contains(a[1], a[0]) {
		return a[0]
	}
	return ""
}

func filter(a []string, keep bool) string {
	patterns := strings.Fields(a[0])
	return eachWord(a[1], func(w string) (string, bool) {
		matches := slices.ContainsFunc(patterns, func(p string) bool { _, ok := stem(p, w); return ok })
		return w, matches == keep
	})
}

func sortWords(a []string) string {
	words := strings.Fields(a[0])
	slices.Sort(words)
	return strings.Join(slices.Compact(words), " ")
}

func dirOf(w string) string {
	if dir, _ := path.Split(w); dir != "" {
		return dir
	}
	return "./"
}

func suffixOf(w string) string {
	_, base := path.Split(w)
	return path.Ext(base)
}

func joinWords(a []string) string {
	left, right := strings.Fields(a[0]), strings.Fields(a[1])
	var words []string
	for i := range max(len(left), len(right)) {
		words = append(words, at(left, i)+at(right, i))
	}
	return strings.Join(words, " ")
}
