package verify_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/verify"
	"github.com/davit-dev/davit/internal/x/quantity"
)

func load() *verify.LoadRun {
	return &verify.LoadRun{
		Request: verify.Requests{{Method: "GET", Target: "/orders"}},
		Rate:    50, Duration: quantity.Duration(5 * time.Second),
		P95: quantity.Duration(250 * time.Millisecond), Errors: 0.01,
	}
}

func accepted(t *testing.T) verify.Suite {
	t.Helper()
	data, err := os.ReadFile("testdata/accepted/everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return verify.Suite{Files: []verify.File{parsed(t, string(data))}, Load: load(), Env: map[string]string{"MODE": "<staging>"}}
}

func parsed(t *testing.T, text string) verify.File {
	t.Helper()
	file, err := verify.ParseFile("acceptance/a.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// A digest that changes makes every plan another release: only a change of what
// is asked may change it.
func TestDigestIsStable(t *testing.T) {
	const want = "sha256:589fff29f23b802383489cd2c63754d6a15642856cf7dda893c33ddce87b6674"
	got, err := accepted(t).Digest()
	if err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	survives(t, accepted(t))
}

func TestDigestIsThatOfTheMeaning(t *testing.T) {
	digest := func(text string) string {
		d, err := verify.Suite{Files: []verify.File{parsed(t, text)}}.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	plain := digest("- request: GET /\n  headers: {A: b, C: d}\n  expect: {status: 200}\n")
	same := digest("# a comment\n- headers:\n    C: d\n    A: 'b'\n  expect:\n    status: [200]\n  request: \"GET  /\"\n")
	if plain != same {
		t.Error("a comment or the layout of the file changes the digest")
	}
	if other := digest("- request: GET /\n  headers: {A: b, C: d}\n  expect: {status: 201}\n"); other == plain {
		t.Error("another status does not change the digest")
	}
}

func TestSuiteFromAWireIsValidated(t *testing.T) {
	get := verify.Request{Method: "GET", Target: "/"}
	one := func(a verify.Assertion) verify.Suite {
		return verify.Suite{Files: []verify.File{{Name: "a.yaml", Assertions: []verify.Assertion{a}}}}
	}
	many := verify.Suite{Files: []verify.File{{Name: "a.yaml", Assertions: make([]verify.Assertion, 1001)}}}
	slow := load()
	slow.Rate = 1
	for want, suite := range map[string]verify.Suite{
		"1001 assertions are too many": many,
		"201 files are too many":       {Files: make([]verify.File, 201)},
		`"" is not a method`:           one(verify.Assertion{Name: "x"}),
		`expect.status: "9"`:           one(verify.Assertion{Name: "x", Request: get, Expect: verify.Expect{Status: []verify.Status{"9"}}}),
		`"like" is not one of equals`:  one(verify.Assertion{Name: "x", Request: get, Expect: verify.Expect{JSON: []verify.Rule{{Kind: "like"}}}}),
		"env.PORT: is given by davit":  {Env: map[string]string{"PORT": "1"}},
		"load.rate: 1/s for 5s are 5":  {Load: slow},
		"load.request: 1 to 50":        {Load: &verify.LoadRun{}},
	} {
		if err := suite.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if _, err := verify.Run(t.Context(), suite, verify.Site{URL: "http://127.0.0.1:1"}); err == nil {
			t.Errorf("a suite that is not valid (%s) was run", want)
		}
	}
}

// FuzzDecodeSuite: a plan may hold any JSON. What decodes and is valid survives,
// and what is not valid is refused without a panic.
func FuzzDecodeSuite(f *testing.F) {
	for _, path := range files(f, "accepted") {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		file, err := verify.ParseFile("a.yaml", data)
		if err != nil {
			f.Fatal(err)
		}
		encoded, err := json.Marshal(verify.Suite{Files: []verify.File{file}, Load: load()})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
	}
	f.Add([]byte(`{"files":[{"name":"a","assertions":[{"name":"x","request":"GET /{{a}}","expect":{"json":[{"path":"$['","kind":"equals"}]}}]}]}`))
	f.Add([]byte(`{"load":{"request":["GET /"],"rate":1e300,"duration":"1h","p95":"-1s","errors":"7%"},"env":{"":""}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var suite verify.Suite
		if json.Unmarshal(data, &suite) == nil && suite.Validate() == nil {
			survives(t, suite)
		}
	})
}
