package gocmd

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// flag is one flag of the command line.
type flag struct {
	name, value string
	hasValue    bool
}

// withoutValue are the flags of go build that stand alone.
func withoutValue() []string {
	return []string{
		"a", "asan", "buildvcs", "cover", "i", "json", "linkshared", "modcacherw",
		"msan", "n", "race", "trimpath", "v", "work", "x",
	}
}

// splitFlags takes the flags from the front, as package flag does.
func splitFlags(words []string) ([]flag, []string, error) {
	var flags []flag
	for len(words) > 0 {
		word := words[0]
		if len(word) < 2 || word[0] != '-' {
			break
		}
		words = words[1:]
		if word == "--" {
			break
		}
		f := flag{}
		f.name, f.value, f.hasValue = strings.Cut(strings.TrimPrefix(word[1:], "-"), "=")
		if !f.hasValue && !slices.Contains(withoutValue(), f.name) {
			if len(words) == 0 {
				return nil, nil, fmt.Errorf("flag %s has no value", word)
			}
			f.value, f.hasValue, words = words[0], true, words[1:]
		}
		flags = append(flags, f)
	}
	return flags, words, nil
}

var (
	tagList = regexp.MustCompile(`^[\p{L}\p{Nd}_., ]*$`)
	suffix  = regexp.MustCompile(`^[0-9A-Za-z_.-]*$`)
	number  = regexp.MustCompile(`^[1-9][0-9]{0,3}$`)
)

// take decides about one flag of go build, install or vet.
func (c *Command) take(f flag) error {
	matches := func(allowed *regexp.Regexp) error {
		if !allowed.MatchString(f.value) {
			return fmt.Errorf("%q is no value of the flag -%s", f.value, f.name)
		}
		c.Flags = append(c.Flags, "-"+f.name+"="+f.value)
		return nil
	}
	switch f.name {
	case "a", "i", "v", "x", "modcacherw", "trimpath", "buildvcs":
		return nil // they change nothing in the result, or are set anyway
	case "o":
		c.Output = f.value
		return nonempty(f)
	case "C":
		c.Dir = f.value
		return nonempty(f)
	case "tags":
		return matches(tagList)
	case "installsuffix":
		return matches(suffix)
	case "p":
		return matches(number)
	case "mod":
		return matches(regexp.MustCompile(`^(readonly|vendor|mod)$`))
	case "compiler":
		return matches(regexp.MustCompile(`^gc$`))
	case "buildmode":
		return c.takeBuildmode(f.value)
	case "pgo":
		return c.takeProfile(f.value)
	case "ldflags", "gcflags", "asmflags":
		return c.takeTool(f)
	case "race", "msan", "asan":
		return fmt.Errorf("flag -%s needs a C compiler", f.name)
	}
	return fmt.Errorf("flag -%s is not understood", f.name)
}

func nonempty(f flag) error {
	if f.value == "" {
		return fmt.Errorf("flag -%s has no value", f.name)
	}
	return nil
}

func (c *Command) takeBuildmode(mode string) error {
	if mode != "exe" && mode != "default" {
		return fmt.Errorf("flag -buildmode=%s makes a program that depends on the C library of the image", mode)
	}
	return nil
}

func (c *Command) takeProfile(name string) error {
	if path.IsAbs(name) || strings.HasPrefix(path.Clean(name), "..") {
		return fmt.Errorf("flag -pgo=%s names a file outside the working folder", name)
	}
	c.Flags = append(c.Flags, "-pgo="+name)
	return nil
}

// takeTool looks into the flags for the compiler, the assembler or the linker:
// some of theirs start programs or read files from anywhere.
func (c *Command) takeTool(f flag) error {
	text := strings.TrimSpace(f.value)
	if pattern, rest, found := strings.Cut(text, "="); found && !strings.HasPrefix(text, "-") {
		if strings.ContainsAny(pattern, " \t\n'\"") {
			return fmt.Errorf("-%s: %q is not a pattern of packages", f.name, pattern)
		}
		text = rest
	}
	words, err := splitQuoted(text)
	if err != nil {
		return fmt.Errorf("-%s: %w", f.name, err)
	}
	if err := toolFlags(f.name, words); err != nil {
		return fmt.Errorf("-%s: %w", f.name, err)
	}
	c.Flags = append(c.Flags, "-"+f.name+"="+f.value)
	return nil
}

// splitQuoted splits words as the go command does: quotes count at the
// beginning of a word only.
func splitQuoted(text string) ([]string, error) {
	var words []string
	for {
		text = strings.TrimLeft(text, " \t\n\r")
		if text == "" {
			return words, nil
		}
		end := strings.IndexAny(text, " \t\n\r")
		if quote := text[0]; quote == '"' || quote == '\'' {
			end = strings.IndexByte(text[1:], quote)
			if end < 0 {
				return nil, errors.New("a quote has no end")
			}
			words, text = append(words, text[1:1+end]), text[end+2:]
			continue
		}
		if end < 0 {
			end = len(text)
		}
		words, text = append(words, text[:end]), text[end:]
	}
}

// toolFlags accepts what is known to change the program and nothing else.
func toolFlags(tool string, words []string) error {
	alone := map[string][]string{
		"ldflags":  {"s", "w", "v", "d", "compressdwarf", "checklinkname"},
		"gcflags":  {"B", "N", "l", "m", "e", "c", "lang", "spectre", "trimpath", "dwarf"},
		"asmflags": {"trimpath"},
	}[tool]
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		name, value, has := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if !strings.HasPrefix(word, "-") {
			return fmt.Errorf("%q is not a flag", word)
		}
		if slices.Contains(alone, name) {
			continue
		}
		if tool != "ldflags" || !slices.Contains([]string{"X", "B", "buildid", "extldflags", "linkmode"}, name) {
			return fmt.Errorf("%q is not understood", word)
		}
		if !has {
			if len(words) == 0 {
				return fmt.Errorf("%q has no value", word)
			}
			value, words = words[0], words[1:]
		}
		if err := linkerValue(name, value); err != nil {
			return err
		}
	}
	return nil
}

// outer are flags for the C linker that say no more than what Go does anyway.
// They count only when it is used, which it is not.
var outer = regexp.MustCompile(`^(-static|-static-pie|-s|-w|-lm|-lpthread|-ldl|-fno-PIC|-Wl,[\w,=.-]+|-z|(-z)?(relro|now|noexecstack|norelro))$`)

func linkerValue(name, value string) error {
	switch name {
	case "X":
		if !strings.Contains(value, "=") {
			return fmt.Errorf("-X %q: name=value is expected", value)
		}
	case "linkmode":
		if value != "internal" && value != "auto" {
			return errors.New("-linkmode=external needs a C linker")
		}
	case "extldflags":
		for word := range strings.FieldsSeq(strings.Trim(value, `'"`)) {
			if !outer.MatchString(word) {
				return fmt.Errorf("%q is for a C linker", word)
			}
		}
	}
	return nil
}
