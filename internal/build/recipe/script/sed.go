package script

import (
	"context"
	"regexp"
	"strings"
)

// sed understands sed -i s/OLD/NEW/[g] with patterns that mean the same in every
// sed and in Go.
func sed(s *Shell, args []string) (action, error) {
	o, err := grammar{"sed", "ie:Er", map[string]string{"in-place": "i", "expression": "e"}}.parse(args)
	if err != nil {
		return nil, err
	}
	if !o.has("i") {
		return nil, refuse("sed is understood with -i")
	}
	text := o.values["e"]
	if !o.has("e") {
		if err := o.atLeast(2); err != nil {
			return nil, err
		}
		text, o.names = o.names[0], o.names[1:]
	}
	if s.onlyMirrors(o.names) {
		return nil, nil
	}
	edit, err := parseEdit(text)
	if err != nil {
		return nil, err
	}
	return o.each(s, func(ctx context.Context, name string) error {
		data, err := s.content(ctx, name)
		if err != nil {
			return err
		}
		var out strings.Builder
		for line := range strings.Lines(string(data)) {
			out.WriteString(edit(line))
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

// plainPattern holds no character that basic, extended and Go's expressions read
// in different ways.
var plainPattern = regexp.MustCompile(`^\^?[0-9A-Za-z _:;,@%=~"'<>#&!./-]*\$?$`)

func parseEdit(text string) (func(line string) string, error) {
	if len(text) < 4 || text[0] != 's' {
		return nil, refuse("sed %q is not understood", text)
	}
	parts := strings.Split(text[2:], text[1:2])
	if len(parts) != 3 || strings.Trim(parts[2], "g") != "" {
		return nil, refuse("sed %q is not understood", text)
	}
	old, replacement := strings.ReplaceAll(parts[0], `\.`, "."), parts[1]
	if !plainPattern.MatchString(old) || strings.ContainsAny(replacement, `\&`+"\n") || old == "" {
		return nil, refuse("sed %q is not understood", text)
	}
	pattern, err := regexp.Compile(parts[0])
	if err != nil {
		return nil, refuse("sed %q is not understood", text)
	}
	return func(line string) string {
		body := strings.TrimSuffix(line, "\n")
		end := line[len(body):]
		if parts[2] != "" {
			return pattern.ReplaceAllLiteralString(body, replacement) + end
		}
		if at := pattern.FindStringIndex(body); at != nil {
			body = body[:at[0]] + replacement + body[at[1]:]
		}
		return body + end
	}, nil
}
