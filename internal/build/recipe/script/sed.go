package script

import (
	"context"
	"regexp"
	"strings"
)

// sed understands s/OLD/NEW/ with the flag g, for files that change (-i) and for
// what goes through a pipe.
func sed(s *Shell, args []string) (action, error) {
	o, err := grammar{"sed", "ie:Er", map[string]string{"in-place": "i", "expression": "e", "regexp-extended": "E"}}.parse(args)
	if err != nil {
		return nil, err
	}
	text := o.values["e"]
	if !o.has("e") {
		if err := o.atLeast(1); err != nil {
			return nil, err
		}
		text, o.names = o.names[0], o.names[1:]
	}
	if o.has("i") && s.onlyMirrors(o.names) {
		return nil, nil
	}
	if strings.Count(strings.Join(args, " ")+" ", "-e ") > 1 {
		return nil, refuse("sed with several expressions is not understood")
	}
	edit, err := parseEdit(text, o.has("E") || o.has("r"))
	if err != nil {
		return nil, err
	}
	if !o.has("i") {
		change := lineFilter(func(line string) (string, bool) { return edit(line), true })
		return filtering(func([]string) (filter, []string, error) { return change, o.names, nil })(s, nil)
	}
	return o.each(s, func(ctx context.Context, name string) error {
		data, err := s.content(ctx, name)
		if err != nil {
			return err
		}
		var out strings.Builder
		for line := range strings.Lines(string(data)) {
			body := strings.TrimSuffix(line, "\n")
			out.WriteString(edit(body) + line[len(body):])
		}
		return s.Tree.Write(ctx, name, []byte(out.String()), s.User)
	})
}

// onlyMirrors tells whether files say where packages come from that are not
// installed here anyway.
func (s *Shell) onlyMirrors(names []string) bool {
	for _, name := range names {
		if !s.servesOnlyTheBuild(s.abs(name)) {
			return false
		}
	}
	return len(names) > 0
}

// parseEdit returns what a command of sed does to a line without its end.
func parseEdit(text string, extended bool) (func(line string) string, error) {
	not := refuse("sed %q is not understood", text)
	if len(text) < 4 || text[0] != 's' || strings.IndexByte("/|,#:@!%~", text[1]) < 0 {
		return nil, not
	}
	parts, ok := splitEdit(text[2:], text[1])
	if !ok || parts[0] == "" || strings.Trim(parts[2], "g") != "" || text[1] == '|' && strings.Contains(parts[0], `\|`) {
		return nil, not
	}
	pattern, err := posix(parts[0], extended)
	if err != nil {
		return nil, not
	}
	replacement, ok := replacementOf(parts[1])
	expr, err := regexp.Compile(pattern)
	if err != nil || !ok {
		return nil, not
	}
	expr.Longest()
	once := parts[2] == ""
	return func(line string) string {
		if !once {
			return expr.ReplaceAllString(line, replacement)
		}
		at := expr.FindStringSubmatchIndex(line)
		if at == nil {
			return line
		}
		return line[:at[0]] + string(expr.ExpandString(nil, replacement, line, at)) + line[at[1]:]
	}, nil
}

// splitEdit splits OLD/NEW/FLAGS at its separator, which a backslash protects.
func splitEdit(text string, separator byte) (parts [3]string, ok bool) {
	n := 0
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && text[i+1] == separator:
			i++
			parts[n] += string(separator)
		case text[i] == '\\' && i+1 < len(text):
			parts[n] += text[i : i+2]
			i++
		case text[i] == separator && n < 2:
			n++
		default:
			parts[n] += text[i : i+1]
		}
	}
	return parts, n == 2
}

// replacementOf turns the replacement of sed into one of package regexp.
func replacementOf(text string) (string, bool) {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '$':
			out.WriteString("$$")
		case '&':
			out.WriteString("${0}")
		case '\n':
			return "", false
		case '\\':
			if i++; i >= len(text) {
				return "", false
			}
			switch {
			case text[i] >= '1' && text[i] <= '9':
				out.WriteString("${" + text[i:i+1] + "}")
			case strings.IndexByte(`\&/.-`, text[i]) >= 0:
				out.WriteByte(text[i])
			default:
				return "", false
			}
		default:
			out.WriteByte(c)
		}
	}
	return out.String(), true
}
