package source

import (
	"maps"
	"strings"
	"testing"
)

// FuzzParseCommit: what is read, written as git writes it, reads as the same.
func FuzzParseCommit(f *testing.F) {
	f.Add([]byte("100644 blob 0a1b\tREADME.md\x00100755 blob ff\tcmd/run.sh\x00"))
	f.Add([]byte("160000 commit 1234\tlib\x00120000 blob 9\ta\tb\nc\x00"))
	f.Add([]byte("100644 blob\tx\x00"))
	f.Add([]byte("\x00\x00"))
	f.Fuzz(func(t *testing.T, list []byte) {
		files, err := parseCommit(list)
		if err != nil {
			return
		}
		var text strings.Builder
		for name, file := range files {
			text.WriteString(file.mode + " blob " + file.oid + "\t" + name + "\x00")
		}
		again, err := parseCommit([]byte(text.String()))
		if err != nil || !maps.Equal(files, again) {
			t.Errorf("%q: %v, then %v, %v", list, files, again, err)
		}
	})
}

// FuzzParseMains: any text gives main packages in order or an error.
func FuzzParseMains(f *testing.F) {
	f.Add([]byte(`{"ImportPath":"m/cmd/a","Dir":"/m/cmd/a","Name":"main","GoFiles":["a.go"]}{"ImportPath":"m","Dir":"/m","Name":"m"}`))
	f.Add([]byte(`{"ImportPath":"","Dir":"relative","Name":"main","GoFiles":["a.go"]}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, list []byte) {
		mains, err := parseMains("/m", list)
		if err != nil && mains != nil {
			t.Error("mains beside an error")
		}
		for i := 1; i < len(mains); i++ {
			if mains[i-1].Dir > mains[i].Dir {
				t.Errorf("out of order: %v", mains)
			}
		}
	})
}

func TestBinaryName(t *testing.T) {
	for path, want := range map[string]string{
		"example.com/orders": "orders", "example.com/orders/v2": "orders", "example.com/orders/v2/cmd/report": "report",
		"gopkg.in/yaml.v3": "yaml.v3", "orders": "orders", "v2": "v2",
	} {
		if got := binaryName(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
