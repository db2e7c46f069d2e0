package recipe_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/davit-dev/davit/internal/build/recipe"
)

var update = flag.Bool("update", false, "write the expected outputs anew")

// TestOrdinary plans the Dockerfiles of an archive. Its last file says for each
// whether it is native, and else why not.
func TestOrdinary(t *testing.T) {
	const name = "testdata/ordinary.txtar"
	archive, err := txtar.ParseFile(name)
	if err != nil || len(archive.Files) < 2 {
		t.Fatalf("%v", err)
	}
	dir := folder(t, makeSources())
	last := &archive.Files[len(archive.Files)-1]
	var said strings.Builder
	for _, file := range archive.Files[:len(archive.Files)-1] {
		plan, err := recipe.Parse(file.Data, recipe.Options{Context: dir, Args: map[string]string{"SOURCE_DATE_EPOCH": "0"}})
		switch {
		case err != nil:
			t.Errorf("%s: %v", file.Name, err)
		case plan.Native():
			fmt.Fprintf(&said, "%s: native\n", file.Name)
		default:
			fmt.Fprintf(&said, "%s: %d: %s\n", file.Name, plan.Reason.Line, plan.Reason.Reason)
		}
	}
	got := said.String()
	if got == string(last.Data) {
		return
	}
	if !*update {
		t.Fatalf("got\n%s\nwant\n%s", got, last.Data)
	}
	last.Data = []byte(got)
	if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}
