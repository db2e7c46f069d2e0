package ko_test

import (
	"os"
	"strings"
	"testing"
)

// TestNoFlagOfKoIsForgotten holds the page for ko's users against the commands
// and flags of ko v0.19.1, as its help lists them.
func TestNoFlagOfKoIsForgotten(t *testing.T) {
	list, err := os.ReadFile("testdata/flags.txt")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../../docs/ko.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for word := range strings.FieldsFuncSeq(string(list), func(r rune) bool { return r == '\n' }) {
		n++
		if !strings.Contains(string(page), "`"+word+"`") && !strings.Contains(string(page), "`"+word+" ") {
			t.Errorf("%s is missing in docs/ko.md", word)
		}
	}
	if n < 30 {
		t.Errorf("only %d commands and flags are listed", n)
	}
}
