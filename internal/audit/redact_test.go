package audit_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/audit"
)

// corpus returns values that hold a secret, each put together here so that
// scanners of this repository find none. The secret part is marked by «».
func corpus() []string {
	long := strings.Repeat("a1B2", 12)
	return []string{
		`{"password":"«hunter2»"}`,
		`{"dbPassword":"«hunter2»","user":"ann"}`,
		`{"PGPASSWORD":"«hunter2»"}`,
		`{"client_secret":"«x»"}`,
		`{"secrets":{"A":"«x»","B":["«y»",{"c":"«z»"}]}}`,
		`{"password":«12345»}`,
		`{"headers":{"Authorization":["Bearer «abc»"]}}`,
		`{"X-Api-Key":"«k»"}`, `{"apiKey":"«k»"}`, `{"api_key":"«k»"}`, `{"aws_secret_access_key":"«k»"}`,
		`{"accessToken":"«t»","authtoken":"«t»","refresh-tokens":["«t»"]}`,
		`{"Set-Cookie":"«session=1»"}`,
		`{"error":"dial postgres://ann:«hunter2»@db:5432/orders: refused"}`,
		`{"error":"redis://:«p@ss»@cache"}`,
		`{"log":"got AK` + `IA«ABCDEFGHIJKLMNOP»"}`,
		`{"log":"gh` + `p_«` + long + `»"}`, `{"log":"github` + `_pat_«` + long + `»"}`,
		`{"log":"gl` + `pat-«` + long + `»"}`,
		`{"log":"xo` + `xb-«123456789012-abc»"}`,
		`{"log":"https://hooks.slack.com/services/«T000/B000/XXXX»"}`,
		`{"log":"sk` + `_live_«` + long + `»"}`,
		`{"log":"npm` + `_«` + long[:36] + `»"}`,
		`{"log":"AI` + `za«` + long[:35] + `»"}`,
		`{"log":"ey` + `JhbGciOiJIUzI1NiJ9.«eyJzdWIiOiIxIn0».«c2lnbmF0dXJl»"}`,
		`{"key":"-----BEGIN RSA PRIVATE ` + `KEY-----\n«MIIB»\n-----END RSA PRIVATE ` + `KEY-----\n"}`,
		`{"key":"-----BEGIN PRIVATE ` + `KEY-----\n«MIIB cut short»"}`,
		`{"key":"PRIVATE` + `+KEY+davit/x+00000000+«AAAA»"}`,
		`{"env":["DB_PASSWORD=«hunter2»","ORDERS=1"]}`,
		`{"log":"curl -H 'Authorization: Bearer «abc.def»' /"}`,
		`{"log":"sent bearer «abcdefghijklmnopqrst»"}`,
		`{"url":"/login?token=«abc»&next=/"}`,
		`{"log":"--db-password='«a b»'"}`,
		`{"body":"{\"user\":\"ann\",\"password\":\"«hunter2»\"}"}`,
		`{"PASSWORD=«hunter2»":1}`,
	}
}

func TestRedactTakesSecretsOut(t *testing.T) {
	for _, marked := range corpus() {
		var secrets []string
		for part := range strings.SplitSeq(marked, "«") {
			if secret, _, found := strings.Cut(part, "»"); found {
				secrets = append(secrets, secret)
			}
		}
		if len(secrets) == 0 {
			t.Fatalf("%s marks no secret", marked)
		}
		got := string(audit.Redact(json.RawMessage(strings.NewReplacer("«", "", "»", "").Replace(marked))))
		for _, secret := range secrets {
			if len(secret) > 1 && strings.Contains(got, secret) || strings.Contains(got, `"`+secret+`"`) {
				t.Errorf("%s: %q is still in %s", marked, secret, got)
			}
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("%s became %s", marked, got)
		}
	}
}

func TestRedactLeavesTheRest(t *testing.T) {
	for _, text := range []string{
		`{"digest":"sha256:` + strings.Repeat("0a", 32) + `","image":"orders@sha256:00"}`,
		`{"user":"ann","status":200,"e":1.5e-10,"ok":true,"none":null,"list":[],"more":{}}`,
		`{"secret_version":"3","token_ttl":"30s","max_tokens_count":5,"password":"","monkey":"x","keyboard":"x"}`,
		`{"error":"unexpected token: }","url":"http://localhost:8080/@v/list","go":"example.com/@latest"}`,
		`{"hosts":["orders.localhost:8080"],"kind":"acting","html":"<b>&amp;</b>"}`,
		`{"steps":[0.05,0.25],"reason":"5 of 20 failed; see https://example.com/a?b=c#d"}`,
		`"plain"`, `17`, `[1,2]`,
	} {
		if got := audit.Redact(json.RawMessage(text)); string(got) != text {
			t.Errorf("%s became %s", text, got)
		}
	}
	for _, text := range []string{"", " ", "null", " null "} {
		if got := audit.Redact(json.RawMessage(text)); got != nil {
			t.Errorf("%q became %s", text, got)
		}
	}
}

func TestReliability28NoSecretReachesTheFile(t *testing.T) {
	dir := t.TempDir()
	log := open(t, dir)
	_, err := log.Append(t.Context(), audit.Entry{Kind: "k", Data: json.RawMessage(`{"password":"hunter2","log":"x://a:hunter2@b"}`)})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(leaves(t, log), ""); strings.Contains(got, "hunter2") || !strings.Contains(got, "[redacted]") {
		t.Error(got)
	}
}

func FuzzRedact(f *testing.F) {
	for _, seed := range corpus() {
		f.Add([]byte(strings.NewReplacer("«", "", "»", "").Replace(seed)))
	}
	f.Add([]byte("not JSON, but password=x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		once := audit.Redact(data)
		if once != nil && !json.Valid(once) {
			t.Fatalf("%q became %q", data, once)
		}
		if twice := audit.Redact(bytes.Clone(once)); !bytes.Equal(once, twice) {
			t.Fatalf("%q became %q, and then %q", data, once, twice)
		}
	})
}

func FuzzDecodeLeaf(f *testing.F) {
	f.Add([]byte(`{"v":1,"index":0,"time":"2026-01-02T02:04:05.000000006Z","app":"","release":"","kind":"k","actor":"","data":null}`))
	f.Add([]byte(`{"v":1,"index":7,"time":"2026-01-02T02:04:05Z","app":"a","release":"r","kind":"k","actor":"<x>","data":{"b":[1.50,"é"]}}`))
	f.Add([]byte(`{"v":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := audit.DecodeLeaf(data)
		if err != nil {
			return
		}
		if again, err := audit.EncodeLeaf(e); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%q was read as %+v and written as %q, %v", data, e, again, err)
		}
	})
}

// FuzzProof: what a journal proves can be checked, and what was bent cannot.
func FuzzProof(f *testing.F) {
	f.Add(uint8(1), uint8(1), uint16(0))
	f.Add(uint8(7), uint8(3), uint16(40))
	f.Add(uint8(16), uint8(9), uint16(300))
	f.Fuzz(func(t *testing.T, size, index uint8, bend uint16) {
		log := open(t, t.TempDir())
		add(t, log, int(size%32)+1)
		proof, err := log.Inclusion(t.Context(), int64(index)%log.Size())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := proof.Check(log.PublicKey()); err != nil {
			t.Fatalf("%+v: %v", proof, err)
		}
		leaf := []byte(proof.Leaf)
		leaf[int(bend)%len(leaf)] ^= 1
		proof.Leaf = string(leaf)
		if _, err := proof.Check(log.PublicKey()); err == nil {
			t.Fatalf("%+v was taken", proof)
		}
	})
}
