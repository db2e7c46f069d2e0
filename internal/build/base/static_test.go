package base_test

import (
	"crypto/x509"
	"encoding/pem"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/build/base"
	"github.com/davit-dev/davit/internal/build/layer"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The base must be the same for everybody who has this davit. When this fails
// after an update of the roots, the zones, Go or the compressor, that is so:
// every image gets a new digest. Run with -update, and say it in the changelog.
func TestStaticBaseIsStable(t *testing.T) {
	entries, err := base.Static()
	if err != nil {
		t.Fatal(err)
	}
	l, _, err := layer.Cache{Dir: t.TempDir()}.Layer(t.Context(), entries, layer.Gzip)
	if err != nil {
		t.Fatal(err)
	}
	diffID, _ := l.DiffID()
	digest, _ := l.Digest()
	got := "diff_id " + diffID.String() + "\ndigest  " + digest.String() + "\n"
	path := filepath.Join("testdata", "static.golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || got != string(want) {
		t.Errorf("%v, got\n%swant\n%s", err, got, want)
	}
}

func TestRootsAreCertificates(t *testing.T) {
	text := base.Roots()
	if !x509.NewCertPool().AppendCertsFromPEM(text) {
		t.Fatal("no roots")
	}
	count := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			t.Error(err)
		}
		count++
	}
	if count < 100 {
		t.Errorf("only %d roots", count)
	}
}

func TestZonesAreZones(t *testing.T) {
	entries, err := base.Zones()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		content, err := e.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(content)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := time.LoadLocationFromTZData(e.Name, data); err != nil {
			t.Errorf("%s: %v", e.Name, err)
		}
	}
	if len(entries) < 500 {
		t.Errorf("only %d zones", len(entries))
	}
}
