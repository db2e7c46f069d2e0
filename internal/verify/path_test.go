package verify_test

import (
	"testing"

	"github.com/davit-dev/davit/internal/verify"
)

const document = `{"a":{"b":[{"c":1},{"c":null}]},"x.y":{"it's":"\\"},"":true,"list":[[1,2],[3]],"straße":5}`

func TestPath(t *testing.T) {
	doc, err := verify.DecodeValue([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"$.a.b[0].c": "1", "$.a.b[1].c": "null", "$['x.y']['it\\'s']": `"\\"`, "$['']": "true", "$.straße": "5",
		"$.list[0][1]": "2", "$.list[1][1]": "", "$.list.a": "", "$.a[0]": "", "$.a.b.c": "", "$[0]": "", "$.none": "",
		"$": `{"":true,"a":{"b":[{"c":1},{"c":null}]},"list":[[1,2],[3]],"straße":5,"x.y":{"it's":"\\"}}`,
	} {
		path, err := verify.ParsePath(text)
		if err != nil {
			t.Error(err)
			continue
		}
		value, found := path.Lookup(doc)
		if found != (want != "") || found && value.String() != want {
			t.Errorf("%s: got %s, %v, want %s", text, value, found, want)
		}
	}
}

// FuzzPath: what is parsed is printed as text that parses to the same, and no
// path and document make Lookup panic.
func FuzzPath(f *testing.F) {
	for _, text := range []string{"$", "$.a.b[0].c", "$['x.y']['it\\'s']", "$['\\\\']", "$[007]", "$[99999999999]", "$..a", "$.ß", "$['", "x"} {
		f.Add(text, []byte(document))
	}
	f.Fuzz(func(t *testing.T, text string, data []byte) {
		path, err := verify.ParsePath(text)
		if err != nil {
			return
		}
		again, err := verify.ParsePath(path.String())
		if err != nil || again.String() != path.String() {
			t.Fatalf("%q is printed as %q, which reads as %q, %v", text, path, again, err)
		}
		doc, err := verify.DecodeValue(data)
		if err != nil {
			return
		}
		value, found := path.Lookup(doc)
		other, foundAgain := again.Lookup(doc)
		if found != foundAgain || value.String() != other.String() {
			t.Fatalf("%q finds %s, printed and read again %s", text, value, other)
		}
		// What came from JSON is JSON again, and stays the same.
		back, err := verify.DecodeValue([]byte(value.String()))
		if err != nil || back.String() != value.String() {
			t.Fatalf("%s reads as %s, %v", value, back, err)
		}
	})
}

func TestPattern(t *testing.T) {
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"a", "a", true},
		{"a", "ab", false},
		{"*", "", true},
		{"a*", "abc", true},
		{"*c", "abc", true},
		{"a*c", "abc", true},
		{"a*c", "ab", false},
		{"ab*ba", "aba", false},
		{"a*b*c", "a-b-c", true},
		{"a*b*c", "acb", false},
		{"**", "x", true},
		{"", "", true},
		{"", "x", false},
		{"a*x*x*a", "axa", false},
	} {
		if got := verify.MatchPattern(test.pattern, test.text); got != test.want {
			t.Errorf("%q matches %q: got %v", test.pattern, test.text, got)
		}
	}
}
