package script

import "strings"

// posix turns a basic or extended regular expression of POSIX, with the few
// additions that GNU's and busybox's tools share, into one of Go's. What they
// could read in different ways is refused.
func posix(text string, extended bool) (string, error) {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '[':
			end := bracket(text, i)
			if end < 0 || strings.Contains(text[i:end], `\`) {
				return "", refuse("the pattern %q is not understood", text)
			}
			out.WriteString(text[i:end])
			i = end - 1
		case c == '\\':
			if i++; i >= len(text) {
				return "", refuse("the pattern %q is not understood", text)
			}
			escaped, ok := unescape(text[i], extended)
			if !ok {
				return "", refuse("the pattern %q is not understood", text)
			}
			out.WriteString(escaped)
		case strings.IndexByte("(){}+?|", c) >= 0 && !extended:
			out.WriteString(`\` + string(c))
		case readDifferently(text, i):
			return "", refuse("the pattern %q is not understood", text)
		default:
			out.WriteByte(c)
		}
	}
	return out.String(), nil
}

// readDifferently tells a character that tools understand each in their way where
// it stands: counts, a star with nothing before it, an anchor in the middle.
func readDifferently(text string, i int) bool {
	switch c := text[i]; c {
	case '{', '}':
		return true
	case '*':
		return i == 0 || strings.IndexByte("(|^*+?", text[i-1]) >= 0
	case '^':
		return i > 0
	case '$':
		return i < len(text)-1
	default:
		return c > 126
	}
}

// bracket returns the place behind the bracket expression that begins at i.
func bracket(text string, i int) int {
	j := i + 1
	if j < len(text) && text[j] == '^' {
		j++
	}
	if j < len(text) && text[j] == ']' {
		return -1 // as itself: Go wants it escaped
	}
	for ; j < len(text); j++ {
		switch {
		case strings.HasPrefix(text[j:], "[:"):
			end := strings.Index(text[j:], ":]")
			if end < 0 {
				return -1
			}
			j += end + 1
		case text[j] == '[':
			return -1
		case text[j] == ']':
			return j + 1
		}
	}
	return -1
}

// unescape returns what a character behind a backslash means, in Go's words.
func unescape(c byte, extended bool) (string, bool) {
	switch {
	case strings.IndexByte(`.*^$[]\`, c) >= 0:
		return `\` + string(c), true
	case strings.IndexByte("/-:,_ \"'=@#", c) >= 0:
		return string(c), true
	case strings.IndexByte("()+?|{}", c) >= 0 && extended:
		return `\` + string(c), true
	case strings.IndexByte("()+?|", c) >= 0:
		return string(c), true
	}
	return "", false
}
