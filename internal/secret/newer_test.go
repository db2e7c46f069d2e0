package secret_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/davit-dev/davit/internal/secret"
)

// TestReliability26NewerSecretsAreRefused writes the file as a davit of tomorrow
// would, and wants it to be left as it is.
func TestReliability26NewerSecretsAreRefused(t *testing.T) {
	dir := t.TempDir()
	set(t, open(t, dir), database(secret.Production), "hunter22")
	text, err := os.ReadFile(filepath.Join(dir, secret.KeyName))
	if err != nil {
		t.Fatal(err)
	}
	identities, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	identity, ok := identities[0].(*age.X25519Identity)
	if !ok {
		t.Fatalf("the key is a %T", identities[0])
	}
	var newer bytes.Buffer
	w, err := age.Encrypt(&newer, identity.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(w, `{"version":2,"secrets":{"of":"another form"}}`)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, secret.FileName)
	if err := os.WriteFile(file, newer.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := secret.Open(dir); err == nil || !strings.Contains(err.Error(), "version 2, this davit knows version 1") {
		t.Errorf("error %v", err)
	}
	if left, err := os.ReadFile(file); err != nil || !bytes.Equal(left, newer.Bytes()) {
		t.Errorf("the file was changed: %v", err)
	}
}
