package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// needy is a service that ends when what it needs is not there.
const needy = `package main

import (
	"log"
	"net/http"
	"os"
	"time"
)

func look() {
	if _, err := os.Stat("/var/lib/needy/outage"); err == nil {
		log.Fatal("the database does not answer")
	}
}

func main() {
	look()
	go func() {
		for range time.Tick(50 * time.Millisecond) {
			look()
		}
	}()
	http.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	log.Fatal(http.ListenAndServe(os.Getenv("HOST")+":"+os.Getenv("PORT"), nil))
}
`

// TestALiveVersionComesBackFromAnOutage: what it needs is away until it has been
// given up as a crash loop. It is started again without anybody's doing.
func TestALiveVersionComesBackFromAnOutage(t *testing.T) {
	p := newPlatform(t)
	if level := p.status().Sandbox; level != "namespaces" {
		t.Skipf("volumes need the level namespaces, here it is %s", level)
	}
	dir := filepath.Join(t.TempDir(), "needy")
	write(t, dir, "go.mod", "module example.com/needy\n\ngo 1.26\n")
	write(t, dir, "main.go", needy)
	write(t, dir, "davit.yaml", "name: needy\nrun: {volumes: {data: /var/lib/needy}, drain: 1s, health: {path: /, interval: 1s}}\n")
	p.must(dir, "ship", "--skip-tests")
	answers := func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.edge+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "needy.localhost"
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	}
	if !answers() {
		t.Fatal("it does not answer")
	}
	outage := filepath.Join(p.data, "volumes", "needy", "data", "outage")
	if err := os.WriteFile(outage, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	until(t, "the crash loop", 30*time.Second, func() bool {
		all := p.instances("needy-1")
		return len(all) == 0 || all[0].State == "crash_loop"
	})
	if err := os.Remove(outage); err != nil {
		t.Fatal(err)
	}
	until(t, "an answer", time.Minute, answers)
	if s := p.release("needy-1"); s.Outcome != "live" {
		t.Errorf("got %+v", s)
	}
}
