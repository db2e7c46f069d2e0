package script

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// filter changes a text, and returns its status.
type filter func(text string) (string, int)

// filtering is the plan of a command that reads files, or its input, and prints
// them in another form. parse returns the names of the files, too.
func filtering(parse func(args []string) (filter, []string, error)) plan {
	return func(s *Shell, args []string) (action, error) {
		change, names, err := parse(args)
		if err != nil {
			return nil, err
		}
		if s.rehearsal() {
			s.print("0\n")
			return nil, nil
		}
		return func(ctx context.Context) (int, error) {
			text := s.input
			if len(names) > 0 {
				text = ""
			}
			for _, name := range names {
				data, err := s.content(ctx, name)
				if err != nil {
					return 2, err
				}
				text += string(data)
			}
			out, status := change(text)
			s.print(out)
			return status, nil
		}, nil
	}
}

// lineFilter is a filter that looks at each line without its end.
func lineFilter(change func(line string) (string, bool)) filter {
	return func(text string) (string, int) {
		var out strings.Builder
		for line := range strings.Lines(text) {
			if changed, keep := change(strings.TrimSuffix(line, "\n")); keep {
				out.WriteString(changed + "\n")
			}
		}
		return out.String(), 0
	}
}

// ends is head or tail.
func ends(command string, keep func(lines []string, n int) []string) plan {
	return filtering(func(args []string) (filter, []string, error) {
		if len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && strings.Trim(args[0][1:], "0123456789") == "" {
			args = append([]string{"-n", args[0][1:]}, args[1:]...)
		}
		o, err := grammar{command: command, letters: "n:", long: map[string]string{"lines": "n"}}.parse(args)
		if err != nil {
			return nil, nil, err
		}
		n := 10
		if text, given := o.values["n"]; given {
			if n, err = strconv.Atoi(text); err != nil || n < 0 || text[0] == '+' {
				return nil, nil, refuse("%s -n %s is not understood", command, text)
			}
		}
		if len(o.names) > 1 {
			return nil, nil, refuse("%s of several files is not understood", command)
		}
		return func(text string) (string, int) {
			lines := slices.Collect(strings.Lines(text))
			return strings.Join(keep(lines, min(n, len(lines))), ""), 0
		}, o.names, nil
	})
}

func firstLines(lines []string, n int) []string { return lines[:n] }
func lastLines(lines []string, n int) []string  { return lines[len(lines)-n:] }

// cut understands -c, and -d with -f.
func cut(args []string) (filter, []string, error) {
	o, err := grammar{command: "cut", letters: "c:d:f:"}.parse(args)
	if err != nil {
		return nil, nil, err
	}
	if first, last, ok := fieldRange(o.values["c"]); ok && len(o.values) == 1 {
		return lineFilter(func(line string) (string, bool) {
			return line[min(first-1, len(line)):min(last, len(line))], true
		}), o.names, nil
	}
	separator := "\t"
	if d, given := o.values["d"]; given {
		separator = d
	}
	first, last, ok := fieldRange(o.values["f"])
	if len(separator) != 1 || !ok {
		return nil, nil, refuse("cut is understood with -d and -f")
	}
	return lineFilter(func(line string) (string, bool) {
		fields := strings.Split(line, separator)
		if len(fields) == 1 {
			return line, true
		}
		return strings.Join(fields[min(first-1, len(fields)):min(last, len(fields))], separator), true
	}), o.names, nil
}

// fieldRange reads "2", "2-", "-3" or "2-3".
func fieldRange(text string) (first, last int, ok bool) {
	const end = 1 << 20
	from, to, isRange := strings.Cut(text, "-")
	if !isRange {
		to = from
	}
	first, last = 1, end
	var err1, err2 error
	if from != "" || !isRange {
		first, err1 = strconv.Atoi(from)
	}
	if to != "" {
		last, err2 = strconv.Atoi(to)
	}
	return first, last, err1 == nil && err2 == nil && first >= 1 && last >= first
}

// translate is tr.
func translate(args []string) (filter, []string, error) {
	remove := len(args) == 2 && args[0] == "-d"
	if len(args) != 2 || strings.HasPrefix(args[0], "-") && len(args[0]) > 1 && !remove {
		return nil, nil, refuse("tr %s is not understood", strings.Join(args, " "))
	}
	if remove {
		set, ok := characters(args[1])
		if !ok {
			return nil, nil, refuse("tr -d %s is not understood", args[1])
		}
		return func(text string) (string, int) {
			return strings.Map(func(c rune) rune {
				if slices.Contains(set, c) {
					return -1
				}
				return c
			}, text), 0
		}, nil, nil
	}
	from, ok1 := characters(args[0])
	to, ok2 := characters(args[1])
	if !ok1 || !ok2 || len(to) == 0 || len(from) < len(to) {
		return nil, nil, refuse("tr %s is not understood", strings.Join(args, " "))
	}
	return func(text string) (string, int) {
		return strings.Map(func(c rune) rune {
			if i := slices.Index(from, c); i >= 0 {
				return to[min(i, len(to)-1)]
			}
			return c
		}, text), 0
	}, nil, nil
}

// characters reads a set of tr: characters, ranges and the two cases.
func characters(text string) ([]rune, bool) {
	text = strings.NewReplacer("[:upper:]", "A-Z", "[:lower:]", "a-z", "[:digit:]", "0-9", "[:space:]", " \t\n\v\f\r").Replace(text)
	var set []rune
	runes := []rune(text)
	for i := 0; i < len(runes); i++ {
		c := runes[i]
		switch {
		case c > 127 || c == '[' || c == ']':
			return nil, false
		case c == '\\' && i+1 < len(runes):
			i++
			escaped, known := map[rune]rune{'n': '\n', 't': '\t', 'r': '\r', '\\': '\\'}[runes[i]]
			if !known {
				return nil, false
			}
			set = append(set, escaped)
			continue
		case i+2 < len(runes) && runes[i+1] == '-' && runes[i+2] >= c && runes[i+2] < 127:
			for ; c <= runes[i+2]; c++ {
				set = append(set, c)
			}
			i += 2
			continue
		}
		set = append(set, c)
	}
	return set, true
}

// grep understands patterns that package posix does.
func grep(args []string) (filter, []string, error) {
	o, err := grammar{command: "grep", letters: "qvioEFhe:m:"}.parse(args)
	if err != nil {
		return nil, nil, err
	}
	text := o.values["e"]
	if !o.has("e") {
		if err := o.atLeast(1); err != nil {
			return nil, nil, err
		}
		text, o.names = o.names[0], o.names[1:]
	}
	most := -1
	if o.has("m") {
		if most, err = strconv.Atoi(o.values["m"]); err != nil {
			return nil, nil, refuse("grep -m %s is not understood", o.values["m"])
		}
	}
	expr, err := o.expression(text)
	if err != nil || len(o.names) > 1 && !o.has("h") {
		return nil, nil, cmpOr(err, refuse("grep in several files is not understood"))
	}
	return func(text string) (string, int) {
		var out strings.Builder
		found := 0
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			if expr.MatchString(line) == o.has("v") || found == most {
				continue
			}
			found++
			if o.has("o") {
				line = strings.Join(expr.FindAllString(line, -1), "\n")
			}
			if !o.has("q") {
				out.WriteString(line + "\n")
			}
		}
		return out.String(), toStatus(found > 0)
	}, o.names, nil
}

// expression is the pattern of grep.
func (o options) expression(text string) (*regexp.Regexp, error) {
	if o.has("F") {
		text = regexp.QuoteMeta(text)
	} else {
		var err error
		if text, err = posix(text, o.has("E")); err != nil {
			return nil, err
		}
	}
	if o.has("i") {
		text = "(?i)" + text
	}
	expr, err := regexp.Compile(text)
	if err != nil {
		return nil, refuse("the pattern %q is not understood", text)
	}
	expr.Longest()
	return expr, nil
}

// awkProgram is the one kind of program that awk is understood with.
var awkProgram = regexp.MustCompile(`^\s*(?:/((?:[^/\\]|\\.)*)/)?\s*\{\s*print \$(\d+|NF);?\s*\}\s*$`)

// awk understands {print $2}, with a pattern before it.
func awk(args []string) (filter, []string, error) {
	o, err := grammar{command: "awk", letters: "F:"}.parse(args)
	if err == nil {
		err = o.atLeast(1)
	}
	if err != nil {
		return nil, nil, err
	}
	program := awkProgram.FindStringSubmatch(o.names[0])
	separator := o.values["F"]
	if program == nil || o.has("F") && (len(separator) != 1 || strings.ContainsAny(separator, `\ `)) {
		return nil, nil, refuse("awk %s is not understood", o.names[0])
	}
	text, err := posix(strings.ReplaceAll(program[1], `\/`, "/"), true)
	if err != nil {
		return nil, nil, err
	}
	expr, err := regexp.Compile(text)
	if err != nil {
		return nil, nil, refuse("awk %s is not understood", o.names[0])
	}
	return lineFilter(func(line string) (string, bool) {
		if !expr.MatchString(line) {
			return "", false
		}
		fields := strings.Fields(line)
		if separator != "" {
			fields = strings.Split(line, separator)
		}
		return awkField(line, fields, program[2]), true
	}), o.names[1:], nil
}

func awkField(line string, fields []string, which string) string {
	n, err := strconv.Atoi(which)
	if err != nil {
		n = len(fields)
	}
	switch {
	case n == 0:
		return line
	case n > len(fields):
		return ""
	}
	return fields[n-1]
}

// sortLines is sort, by bytes as in the locale of images, with -u and -r.
func sortLines(args []string) (filter, []string, error) {
	o, err := grammar{command: "sort", letters: "ur"}.parse(args)
	return func(text string) (string, int) {
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if text == "" {
			return "", 0
		}
		slices.Sort(lines)
		if o.has("u") {
			lines = slices.Compact(lines)
		}
		if o.has("r") {
			slices.Reverse(lines)
		}
		return strings.Join(lines, "\n") + "\n", 0
	}, o.names, err
}

// countLines is wc -l of what it reads.
func countLines(args []string) (filter, []string, error) {
	if len(args) != 1 || args[0] != "-l" {
		return nil, nil, refuse("wc is understood with -l, in a pipe")
	}
	return func(text string) (string, int) { return strconv.Itoa(strings.Count(text, "\n")) + "\n", 0 }, nil, nil
}
