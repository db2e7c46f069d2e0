package attest_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/build/attest"
	"github.com/davit-dev/davit/internal/build/sbom"
)

// cosign runs the real one, without a transparency log and without a home.
func cosign(t *testing.T, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("cosign")
	if err != nil {
		t.Skip("cosign is not in PATH")
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	home := t.TempDir()
	cmd.Env = []string{"HOME=" + home, "TUF_ROOT=" + home, "PATH=" + os.Getenv("PATH"), "COSIGN_PASSWORD="}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// publicFile writes the public key as cosign reads it.
func publicFile(t *testing.T, key attest.Key) string {
	t.Helper()
	text, err := key.Public().PEM()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.pub")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// attested is an image with all that davit puts beside one.
func attested(t *testing.T, referrers bool, key attest.Key) store {
	t.Helper()
	s := serve(t, referrers, nil)
	f := facts(s.subject.Digest.String())
	spdx, err := sbom.SPDX(f)
	if err != nil {
		t.Fatal(err)
	}
	cyclonedx, err := sbom.CycloneDX(f)
	if err != nil {
		t.Fatal(err)
	}
	artifacts := []attest.Artifact{attest.Document(sbom.SPDXMediaType, spdx, nil)}
	for kind, predicate := range map[string][]byte{attest.SPDXType: spdx, attest.CycloneDXType: cyclonedx} {
		statement, err := attest.NewStatement(f.Name, f.Digest, kind, predicate)
		if err != nil {
			t.Fatal(err)
		}
		artifact, err := key.Attest(statement)
		if err != nil {
			t.Fatal(err)
		}
		artifacts = append(artifacts, artifact)
	}
	signed, err := key.Attest(provenance(t, f.Digest))
	if err != nil {
		t.Fatal(err)
	}
	if err := attest.Sign(t.Context(), s.repo, s.subject, key); err != nil {
		t.Fatal(err)
	}
	if err := attest.Attach(t.Context(), s.repo, s.subject, append(artifacts, signed)); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCosignVerifies(t *testing.T) {
	key := newKey(t)
	mine, other := publicFile(t, key), publicFile(t, newKey(t))
	attestation := func(kind string) []string {
		return []string{"verify-attestation", "--type", kind}
	}
	for label, referrers := range map[string]bool{"referrers": true, "fallback tag": false} {
		s := attested(t, referrers, key)
		for name, args := range map[string][]string{
			"signature":   {"verify"},
			"before v3":   {"verify", "--new-bundle-format=false"},
			"provenance":  attestation("slsaprovenance1"),
			"SPDX":        attestation("spdxjson"),
			"CycloneDX":   attestation("cyclonedx"),
			"unsaid type": attestation("vuln"),
		} {
			t.Run(label+"/"+name, func(t *testing.T) {
				check := func(key string) (string, error) {
					args := append(args, "--insecure-ignore-tlog=true", "--allow-http-registry", "--key", key, s.image().String())
					return cosign(t, args...)
				}
				out, err := check(mine)
				if name == "unsaid type" {
					if err == nil {
						t.Errorf("verified what nobody said:\n%s", out)
					}
					return
				}
				if err != nil || !strings.Contains(out, "verified against the specified public key") {
					t.Errorf("%v\n%s", err, out)
				}
				if out, err := check(other); err == nil {
					t.Errorf("verified with another key:\n%s", out)
				}
			})
		}
	}
}

// Keys that cosign makes are encrypted, with COSIGN_PASSWORD, which is empty here.
func TestCosignsKeysAreOurs(t *testing.T) {
	dir := t.TempDir()
	if _, err := attest.GenerateKey(dir); err != nil {
		t.Fatal(err)
	}
	imported, generated := filepath.Join(dir, "imported"), filepath.Join(dir, "generated")
	if out, err := cosign(t, "import-key-pair", "--key", filepath.Join(dir, attest.PrivateName), "--output-key-prefix", imported); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := cosign(t, "generate-key-pair", "--output-key-prefix", generated); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, prefix := range []string{imported, generated} {
		key, err := attest.LoadKey(prefix+".key", typed(""))
		if err != nil {
			t.Fatal(err)
		}
		ours, err := os.ReadFile(publicFile(t, key))
		if err != nil {
			t.Fatal(err)
		}
		if theirs, err := os.ReadFile(prefix + ".pub"); err != nil || string(theirs) != string(ours) {
			t.Errorf("%v: public keys differ:\n%s%s", err, ours, theirs)
		}
		if _, err := attest.LoadKey(prefix+".key", typed("x")); !errors.Is(err, attest.ErrPassword) {
			t.Errorf("a wrong password: %v", err)
		}
	}
}
