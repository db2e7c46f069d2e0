package attest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/build/attest"
)

const someDigest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// The message is the one that DSSE v1, protocol.md, "PAE", makes of it.
func TestSealSignsWhatDSSESays(t *testing.T) {
	key := newKey(t)
	statement, err := attest.NewStatement("n", someDigest, "https://example.com/t", []byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := key.Seal(statement)
	if err != nil {
		t.Fatal(err)
	}
	payload := `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"n","digest":{"sha256":"` + someDigest[7:] + `"}}],"predicateType":"https://example.com/t","predicate":{"a":1}}`
	message := "DSSEv1 28 application/vnd.in-toto+json 215 " + payload
	if len(payload) != 215 || !key.Public().Verify([]byte(message), envelope.Signatures[0].Sig) {
		t.Errorf("payload of %d bytes: %s", len(envelope.Payload), envelope.Payload)
	}
	again, err := key.Seal(statement)
	if err != nil || !bytes.Equal(again.Signatures[0].Sig, envelope.Signatures[0].Sig) {
		t.Errorf("sealed twice, two signatures; %v", err)
	}
}

func TestDamagedEnvelopesAreRefused(t *testing.T) {
	key := newKey(t)
	statement, err := attest.NewStatement("n", someDigest, "https://example.com/t", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	good, err := key.Seal(statement)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := good.Open(key.Public()); err != nil || !s.About(someDigest) || s.About("sha256:") || s.About("") {
		t.Fatalf("%v, %v", s, err)
	}
	for name, damage := range map[string]func(*attest.Envelope){
		"payload":     func(e *attest.Envelope) { e.Payload = bytes.ReplaceAll(e.Payload, []byte(`"n"`), []byte(`"m"`)) },
		"type":        func(e *attest.Envelope) { e.PayloadType += " " },
		"signature":   func(e *attest.Envelope) { e.Signatures[0].Sig[9] ^= 1 },
		"no bytes":    func(e *attest.Envelope) { e.Signatures[0].Sig = nil },
		"none at all": func(e *attest.Envelope) { e.Signatures = nil },
	} {
		bad := good
		bad.Signatures = []attest.Signature{{Sig: bytes.Clone(good.Signatures[0].Sig)}}
		damage(&bad)
		if _, err := bad.Open(key.Public()); !errors.Is(err, attest.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := good.Open(newKey(t).Public()); !errors.Is(err, attest.ErrSignature) {
		t.Errorf("another key: %v", err)
	}
	if _, err := good.Open(attest.PublicKey{}); !errors.Is(err, attest.ErrSignature) {
		t.Errorf("no key: %v", err)
	}
	two := good
	two.Signatures = append([]attest.Signature{{Sig: []byte("x"), KeyID: "other"}}, good.Signatures...)
	if _, err := two.Open(key.Public()); err != nil {
		t.Errorf("second of two signatures: %v", err)
	}
}

func TestParsersSayWhatIsWrong(t *testing.T) {
	payload := base64.StdEncoding.EncodeToString([]byte("{}"))
	for text, want := range map[string]string{
		`{`: "read envelope: unexpected",
		`{"payload":"","payloadType":"text/plain","signatures":[{"sig":""}]}`:                              `"text/plain"`,
		`{"payload":"` + payload + `","payloadType":"application/vnd.in-toto+json","signatures":[]}`:       "no signatures",
		`{"payload":"%","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"","keyid":1}]}`: "read envelope: ",
	} {
		if _, err := attest.ParseEnvelope([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		`[]`:                "read bundle: json",
		`{"mediaType":"x"}`: "not the type of a bundle",
		`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}`: "no dsseEnvelope",
	} {
		if _, err := attest.ParseBundle([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		`1`:             "read statement: json",
		`{"_type":"x"}`: `its type is "x"`,
		`{"_type":"` + attest.StatementType + `"}`:                     "predicateType",
		`{"_type":"` + attest.StatementType + `","predicateType":"x"}`: "about nothing",
	} {
		if _, err := attest.ParseStatement([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := attest.NewStatement("n", "sha256:1", "x", []byte("{}")); err == nil {
		t.Error("a statement about no digest")
	}
	if _, err := attest.NewStatement("n", someDigest, "x", []byte("{")); err == nil {
		t.Error("a statement that says nothing readable")
	}
}

// The law: an envelope that can be read is written and read as the same, and
// opens with no key that did not sign it.
func FuzzParseEnvelope(f *testing.F) {
	f.Add([]byte(`{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"AA==","keyid":"k"}]}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := attest.ParseEnvelope(data)
		if err != nil {
			return
		}
		text, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		again, err := attest.ParseEnvelope(text)
		if err != nil {
			t.Fatal(err)
		}
		if round, err := json.Marshal(again); err != nil || !bytes.Equal(round, text) {
			t.Errorf("%s became %s, %v", text, round, err)
		}
		if _, err := first.Open(newKey(t).Public()); !errors.Is(err, attest.ErrSignature) {
			t.Errorf("opened with a new key: %v", err)
		}
	})
}

// The law: a bundle holds the envelope that ParseEnvelope reads from it.
func FuzzParseBundle(f *testing.F) {
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"AA=="}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		envelope, err := attest.ParseBundle(data)
		if err != nil {
			return
		}
		text, err := json.Marshal(envelope)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := attest.ParseEnvelope(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	})
}

// The law: a statement that can be read is written and read as the same.
func FuzzParseStatement(f *testing.F) {
	f.Add([]byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"n","digest":{"sha256":"00"}}],"predicateType":"x","predicate":{"a":[1,"<"]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := attest.ParseStatement(data)
		if err != nil {
			return
		}
		text, err := first.JSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := attest.ParseStatement(text)
		if err != nil {
			t.Fatal(err)
		}
		if round, err := again.JSON(); err != nil || !bytes.Equal(round, text) {
			t.Errorf("%s became %s, %v", text, round, err)
		}
	})
}
