package exposition_test

import (
	"strings"
	"testing"

	"github.com/davit-dev/davit/internal/x/exposition"
	"github.com/davit-dev/davit/internal/x/exposition/expositiontest"
)

func TestWriter(t *testing.T) {
	var w exposition.Writer
	w.Family("davit_requests_total", exposition.Counter, "Requests,\nby \\ app.")
	w.Sample(3, "app", "a\"b\\c\nd\xff", "code", "2xx")
	w.Family("davit_up", exposition.Gauge, "Is it.")
	w.Sample(1)
	w.Family("davit_seconds", exposition.Histogram, "Times.")
	w.Distribution([]exposition.Bucket{{0.001024, 1}, {2, 4}}, 5, 1.5, "app", "a")
	w.Distribution(nil, 0, 0)
	const want = `# HELP davit_requests_total Requests,\nby \\ app.
# TYPE davit_requests_total counter
davit_requests_total{app="a\"b\\c\nd�",code="2xx"} 3
# HELP davit_up Is it.
# TYPE davit_up gauge
davit_up 1
# HELP davit_seconds Times.
# TYPE davit_seconds histogram
davit_seconds_bucket{app="a",le="0.001024"} 1
davit_seconds_bucket{app="a",le="2"} 4
davit_seconds_bucket{app="a",le="+Inf"} 5
davit_seconds_sum{app="a"} 1.5
davit_seconds_count{app="a"} 5
davit_seconds_bucket{le="+Inf"} 0
davit_seconds_sum 0
davit_seconds_count 0
`
	if got := string(w.Bytes()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	expositiontest.Parse(t, w.Bytes())
}

// What a scraper refuses must not pass the check that the tests rely on.
func TestCheckIsStrict(t *testing.T) {
	const head = "# HELP a_total A.\n# TYPE a_total counter\n"
	const hist = "# HELP h H.\n# TYPE h histogram\n"
	for name, text := range map[string]string{
		"no end":             head + "a_total 1",
		"no head":            "a_total 1\n",
		"no help":            "# TYPE a_total counter\na_total 1\n",
		"no type":            "# HELP a_total A.\na_total 1\n",
		"two heads":          head + "a_total 1\n" + head,
		"counter's name":     "# HELP a A.\n# TYPE a counter\na 1\n",
		"unknown type":       "# HELP a A.\n# TYPE a timer\na 1\n",
		"negative counter":   head + "a_total -1\n",
		"twice":              head + "a_total{x=\"1\"} 1\na_total{x=\"1\"} 2\n",
		"label twice":        head + "a_total{x=\"1\",x=\"2\"} 1\n",
		"open label":         head + "a_total{x=\"1} 1\n",
		"wrong escape":       head + "a_total{x=\"\\t\"} 1\n",
		"label's name":       head + "a_total{x-y=\"1\"} 1\n",
		"value":              head + "a_total one\n",
		"two values":         head + "a_total 1 2 3\n",
		"empty line":         head + "\na_total 1\n",
		"other metric":       head + "b_total 1\n",
		"falling buckets":    hist + "h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
		"count":              hist + "h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 2\n",
		"no count":           hist + "h_bucket{a=\"b\",le=\"+Inf\"} 1\nh_sum 1\n",
		"bucket's bound":     hist + "h_bucket 1\nh_sum 1\nh_count 2\n",
		"histogram's sample": hist + "h_max 1\n",
	} {
		if _, err := expositiontest.Check(text); err == nil {
			t.Errorf("%s passed:\n%s", name, text)
		}
	}
	good := head + "a_total{x=\"1\",y=\"\"} 1\na_total 2e+06\n" + hist + "h_bucket{a=\"b\",le=\"+Inf\"} 1\nh_sum{a=\"b\"} 0.5\nh_count{a=\"b\"} 1\n"
	samples, err := expositiontest.Check(good)
	if err != nil || samples[`a_total{x="1",y=""}`] != 1 || len(samples) != 5 {
		t.Errorf("%v, %v\n%s", samples, err, strings.TrimSpace(good))
	}
}
