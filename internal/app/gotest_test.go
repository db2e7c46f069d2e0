package app

import (
	"reflect"
	"testing"
)

func TestFailures(t *testing.T) {
	r := readTests([]byte(`{"ImportPath":"example.com/m/b","Action":"build-output","Output":"# example.com/m/b\n"}
{"ImportPath":"example.com/m/b","Action":"build-output","Output":"b/b.go:3:9: undefined: x\n"}
{"ImportPath":"example.com/m/b","Action":"build-fail"}
{"Action":"start","Package":"example.com/m/a"}
{"Action":"run","Package":"example.com/m/a","Test":"TestGood"}
{"Action":"output","Package":"example.com/m/a","Test":"TestGood","Output":"    a_test.go:5: fine\n"}
{"Action":"pass","Package":"example.com/m/a","Test":"TestGood"}
{"Action":"output","Package":"example.com/m/a","Test":"TestBad","Output":"    a_test.go:9: got 1, want 2\n"}
{"Action":"fail","Package":"example.com/m/a","Test":"TestBad"}
{"Action":"output","Package":"example.com/m/a","Output":"FAIL\texample.com/m/a\t0.1s\n"}
{"Action":"fail","Package":"example.com/m/a"}
{"Action":"pass","Package":"example.com/m"}
go: said by the go command
`))
	if got, want := r.summary(), "1 test passed, 1 failed in 2 packages"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	output, found := r.failures("example.com/m")
	wantOutput := "# example.com/m/b\nb/b.go:3:9: undefined: x\n    a_test.go:9: got 1, want 2\nFAIL\texample.com/m/a\t0.1s\ngo: said by the go command\n"
	if output != wantOutput {
		t.Errorf("got\n%s\nwant\n%s", output, wantOutput)
	}
	want := []Place{{"b/b.go", 3, 9, "undefined: x"}, {"a/a_test.go", 9, 0, "got 1, want 2"}}
	if !reflect.DeepEqual(found, want) {
		t.Errorf("got %v, want %v", found, want)
	}
}

func TestPlaces(t *testing.T) {
	got := places("# example.com/m\n./main.go:4:2: bad\nvet: ./x/y.go:1:2: worse\n\tmain.go:7: more\n/abs/z.go:1:1: elsewhere\nnone.go: no line\n", "")
	want := []Place{{"main.go", 4, 2, "bad"}, {"x/y.go", 1, 2, "worse"}, {"main.go", 7, 0, "more"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
