package build

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The base must be the same for everybody who has this davit. When this fails
// after an update of the roots, the zones, Go or the compressor, that is so:
// every image gets a new digest. Run with -update, and say it in the changelog.
func TestStaticBaseIsStable(t *testing.T) {
	entries, err := staticBase()
	if err != nil {
		t.Fatal(err)
	}
	d, err := compress(t.Context(), io.Discard, entries)
	if err != nil {
		t.Fatal(err)
	}
	got := "diff_id " + d.DiffID.String() + "\ndigest  " + d.Digest.String() + "\n"
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
	text := roots()
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
	entries, err := zoneEntries()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		var data bytes.Buffer
		if err := e.copyTo(&data); err != nil {
			t.Fatal(err)
		}
		if _, err := time.LoadLocationFromTZData(e.name, data.Bytes()); err != nil {
			t.Errorf("%s: %v", e.name, err)
		}
	}
	if len(entries) < 500 {
		t.Errorf("only %d zones", len(entries))
	}
}
