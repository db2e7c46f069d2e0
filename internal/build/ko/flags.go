package ko

import (
	"slices"
	"strings"
	"unicode"
)

// withValue returns the flags of go build that take a value as a word of its own
// (go help build).
func withValue() []string {
	return []string{
		"C", "asmflags", "buildmode", "compiler", "covermode", "coverpkg", "gccgoflags", "gcflags", "installsuffix",
		"ldflags", "mod", "modfile", "o", "overlay", "p", "pgo", "pkgdir", "tags", "toolexec",
	}
}

// withoutEffect returns the flags that do not change the program: what is shown
// and kept, and what davit says anyway.
func withoutEffect() []string {
	return []string{"a", "buildvcs", "json", "modcacherw", "trimpath", "v", "work", "x"}
}

// goFlags are flags of go build, those apart that davit has keys for.
type goFlags struct {
	flags   []string // each as -name or -name=value
	tags    []string
	ldflags text
}

// parseFlags reads what go build would take as its arguments. Whether a flag is
// passed on is for others to say.
func parseFlags(list []text) (goFlags, error) {
	var parsed goFlags
	list = filled(list)
	for len(list) > 0 {
		t := list[0]
		list = list[1:]
		name, value, hasValue := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(t.value, "-"), "-"), "=")
		if !strings.HasPrefix(t.value, "-") || name == "" {
			return goFlags{}, t.at.errorf("", "%q is not a flag of go build: it does not begin with -", t.value)
		}
		if strings.ContainsFunc(name, unicode.IsSpace) {
			return goFlags{}, t.at.errorf("write a flag and its value as -name=value, or as two items",
				"%q is one item of a list, which go build takes as one flag", t.value)
		}
		if slices.Contains(withValue(), name) && !hasValue {
			if len(list) == 0 {
				return goFlags{}, t.at.errorf("", "%q has no value", t.value)
			}
			value, hasValue = list[0].value, true
			list = list[1:]
		}
		parsed.add(text{name, t.at}, value, hasValue)
	}
	return parsed, nil
}

func (f *goFlags) add(name text, value string, hasValue bool) {
	switch {
	case name.value == "tags": // as for the go command, the last -tags counts
		f.tags = strings.FieldsFunc(value, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
	case name.value == "ldflags":
		f.ldflags = text{value, name.at}
	case name.value == "buildvcs" || slices.Contains(withoutEffect(), name.value) && value != "false":
	case hasValue:
		f.flags = append(f.flags, "-"+name.value+"="+value)
	default:
		f.flags = append(f.flags, "-"+name.value)
	}
}

// withoutExternal leaves out what is for the linker of the C compiler, which has
// no part in a program without cgo.
func withoutExternal(ldflags []string) []string {
	words, ok := quotedWords(strings.Join(ldflags, " "))
	if !ok {
		return ldflags
	}
	var kept []string
	for i := 0; i < len(words); i++ {
		switch name := strings.TrimPrefix(strings.TrimPrefix(words[i], "-"), "-"); {
		case !strings.HasPrefix(words[i], "-"):
			kept = append(kept, words[i])
		case name == "extldflags":
			i++
		case !strings.HasPrefix(name, "extldflags="):
			kept = append(kept, words[i])
		}
	}
	if len(kept) == len(words) {
		return ldflags
	}
	if len(kept) == 0 {
		return nil
	}
	return []string{strings.Join(kept, " ")}
}

// quotedWords splits a text as the go command splits -ldflags: a word may be in
// single or double quotes, with nothing escaped in them. The quotes are kept.
func quotedWords(s string) (words []string, ok bool) {
	for s = strings.TrimLeftFunc(s, unicode.IsSpace); s != ""; s = strings.TrimLeftFunc(s, unicode.IsSpace) {
		end := strings.IndexFunc(s, unicode.IsSpace)
		if s[0] == '"' || s[0] == '\'' {
			if end = strings.IndexByte(s[1:], s[0]); end < 0 {
				return nil, false
			}
			end += 2
		}
		if end < 0 {
			end = len(s)
		}
		words = append(words, s[:end])
		s = s[end:]
	}
	return words, true
}
