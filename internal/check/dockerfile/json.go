package dockerfile

import (
	"encoding/json"
	"strings"
)

// jsonList reads the exec form. What begins like one but is not JSON is the
// shell form; a JSON list of other things than strings is an error.
func (f *File) jsonList(i *Instruction) bool {
	var values []json.RawMessage
	if json.Unmarshal([]byte(i.Rest.s), &values) != nil {
		return false
	}
	i.JSON = true
	at := 0
	for _, raw := range values {
		at += strings.Index(i.Rest.s[at:], string(raw))
		word := i.Rest.Slice(at, at+len(raw))
		at += len(raw)
		if raw[0] != '"' {
			f.fail(word.Span(), "a JSON list of arguments holds strings only")
			continue
		}
		i.Args = append(i.Args, Word{Text: word, Value: jsonString(word)})
	}
	return true
}

// jsonString takes the quotes off. In a string with escapes only the first
// byte keeps its place.
func jsonString(word Text) Text {
	inner := word.Slice(1, len(word.s)-1)
	var value string
	if !strings.Contains(inner.s, `\`) || json.Unmarshal([]byte(word.s), &value) != nil {
		return inner
	}
	return Text{s: value, src: inner.src}
}
