package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// notes is a service that keeps one note in a volume, and forgets to let go of
// memory when it is told to.
const notes = `package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

var held [][]byte

func main() {
	const file = "/var/lib/notes/note"
	http.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("PUT /note", func(w http.ResponseWriter, r *http.Request) {
		note, _ := io.ReadAll(r.Body)
		if err := os.WriteFile(file, note, 0o600); err != nil {
			http.Error(w, err.Error(), 500)
		}
	})
	http.HandleFunc("GET /note", func(w http.ResponseWriter, r *http.Request) {
		note, _ := os.ReadFile(file)
		fmt.Fprintf(w, "%q", note)
	})
	http.HandleFunc("GET /leak", func(w http.ResponseWriter, r *http.Request) {
		if os.Getenv("LEAK") == "" {
			return
		}
		bite := make([]byte, 4<<20)
		for i := range bite {
			bite[i] = byte(i)
		}
		held = append(held, bite)
	})
	if err := http.ListenAndServe(os.Getenv("HOST")+":"+os.Getenv("PORT"), nil); err != nil {
		panic(err)
	}
}
`

// notesSettings prove in staging that its volume is not production's.
const notesSettings = `name: notes
run:
  env: {LEAK: "LEAKS"}
  memory: 64MiB
  volumes: {data: /var/lib/notes}
  drain: 1s
verify: {http: acceptance}
release: {steps: [50%], dwell: 2s, bake: 1s, deadline: 2m, undecided: promote}
`

const notesAcceptance = `- name: there is no note in staging
  request: GET /note
  expect: {status: 200, json: {$: ""}}
- name: a note is taken
  request: PUT /note
  body: staging
  expect: {status: 200}
`

func (p *platform) note(method, text string) string {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.edge+"/note", strings.NewReader(text))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Host = "notes.localhost"
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %s: %s", method, resp.Status, readAll(p.t, resp))
	}
	return readAll(p.t, resp)
}

// TestALeakIsRolledBackAndVolumesStay releases a version that needs more memory
// than it may have, and takes the app away and back.
func TestALeakIsRolledBackAndVolumesStay(t *testing.T) {
	p := newPlatform(t)
	if got := p.status().Sandbox; got != "namespaces" {
		t.Skipf("volumes need namespaces, and instances have only %s here", got)
	}
	dir := t.TempDir()
	write(t, dir, "go.mod", "module example.com/notes\n\ngo 1.24\n")
	write(t, dir, "main.go", notes)
	write(t, dir, "acceptance/note.yaml", notesAcceptance)
	write(t, dir, "davit.yaml", strings.Replace(notesSettings, "LEAKS", "", 1))
	p.must(dir, "ship")
	p.note(http.MethodPut, "remember")

	t.Run("a leak is rolled back", func(t *testing.T) {
		if limits := p.must("", "status"); !strings.Contains(limits, "notes-1 is limited: memory 64MiB") {
			t.Skipf("memory cannot be limited here:\n%s", limits)
		}
		load := startLoad(t, p.edge, "notes.localhost", "/leak", 50)
		write(t, dir, "davit.yaml", strings.Replace(notesSettings, "LEAKS", "yes", 1))
		r := p.davit(dir, "ship")
		if want := "its instance ended: out of memory: it used more than run.memory = 64MiB"; r.code != 5 || !strings.Contains(r.stderr, want) {
			t.Errorf("exit %d, want 5 and %q: %s%s", r.code, want, r.stdout, r.stderr)
		}
		load.end()
	})

	if got := p.note(http.MethodGet, ""); got != `"remember"` {
		t.Errorf("live has %s", got)
	}
	r := p.davit("", "rm", "notes")
	kept := filepath.Join(p.data, "volumes", "notes")
	if r.code != 0 || !strings.Contains(r.stderr, "its volumes are kept in "+kept) {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	if text, err := os.ReadFile(filepath.Join(kept, "data", "note")); err != nil || string(text) != "remember" {
		t.Errorf("kept is %q, %v", text, err)
	}
	if left, err := filepath.Glob(filepath.Join(p.data, "instances", "notes*")); err != nil || len(left) != 0 {
		t.Errorf("left of instances: %v, %v", left, err)
	}
	write(t, dir, "davit.yaml", strings.Replace(notesSettings, "LEAKS", "", 1))
	p.must(dir, "ship")
	until(t, "the note", 10*time.Second, func() bool { return p.note(http.MethodGet, "") == `"remember"` })
}
