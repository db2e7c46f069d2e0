package process_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/davit-dev/davit/internal/driver/process"
)

func record(t *testing.T, path, script string, notes ...string) string {
	t.Helper()
	if err := process.Record(exec.CommandContext(t.Context(), "sh", "-c", script), path, notes...); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestLogKeepsStreamsAndLastLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	got := record(t, path, `echo one; printf 'windows\r\n'; echo two >&2; printf unfinished`, "a note")
	for _, want := range []string{" out|one\n", " out|windows\n", " err|two\n", " out|unfinished\n", " davit|a note\n"} {
		if strings.Count(got, want) != 1 {
			t.Errorf("%q is not there once: %q", want, got)
		}
	}
}

func TestLogCutsLongLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	got := record(t, path, `head -c 100000 /dev/zero | tr '\0' x; echo; echo after`)
	lines := strings.Split(got, "\n")
	if len(lines) != 4 || len(lines[0]) > 9000 || !strings.Contains(lines[1], "was cut") || !strings.HasSuffix(lines[2], "out|after") {
		t.Errorf("got %d lines, the first of %d bytes; then %q", len(lines), len(lines[0]), lines[1:])
	}
}

func TestReliability27LogDropsAFlood(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	const lines = 300_000 // so few that the log is not rotated on a slow machine
	begin := time.Now()
	got := record(t, path, fmt.Sprintf(`yes 0123456789 | head -n %d`, lines))
	if most := (time.Since(begin).Seconds() + 1) * process.MaxRate; float64(len(got)) > most {
		t.Errorf("%d bytes are kept, more than %.0f", len(got), most)
	}
	kept, dropped := 0, 0
	for line := range strings.Lines(got) {
		_, note, isNote := strings.Cut(line, " davit|")
		var n int
		if _, err := fmt.Sscanf(note, "%d lines were dropped", &n); isNote && err == nil {
			dropped += n
		} else {
			kept++
		}
	}
	if dropped == 0 || kept+dropped != lines {
		t.Errorf("%d lines are kept and %d dropped, of %d", kept, dropped, lines)
	}
}

// fill makes a log that is about to be rotated.
func fill(t *testing.T, path string) {
	t.Helper()
	line := "2026-01-02T03:04:05.000Z out|" + strings.Repeat("x", 970) + "\n"
	if err := os.WriteFile(path, []byte(strings.Repeat(line, process.MaxLog/len(line)+1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLogIsRotatedAndFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	record(t, path, "echo begin")
	var lines []string
	more, end, err := process.Follow(path, func(line string) { lines = append(lines, line) })
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	text := func(i int) string { _, text, _ := strings.Cut(lines[i], "|"); return text }
	if err := more(); err != nil || len(lines) != 1 || text(0) != "begin\n" {
		t.Fatalf("got %q, %v", lines, err)
	}
	for round := range 3 { // a line before the rotation that was not read yet, and one after
		record(t, path, "echo last")
		if err := os.Truncate(path, process.MaxLog); err != nil { // zeros, which are no line yet
			t.Fatal(err)
		}
		record(t, path, "echo next")
		lines = nil
		if err := more(); err != nil {
			t.Fatal(err)
		}
		if len(lines) != 2 || text(0) != "last\n" || text(1) != "next\n" {
			t.Fatalf("round %d: got %q", round, lines)
		}
	}
	for range 3 {
		fill(t, path)
		record(t, path, "echo rotated")
	}
	var kept int64
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != 2 {
		t.Fatalf("%q are kept, %v", files, err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		kept += info.Size()
	}
	if kept > 2*process.MaxLog+64<<10 {
		t.Errorf("%d bytes are kept", kept)
	}
}

func TestLogLinesArriveInTheOrderOfTime(t *testing.T) {
	dir := t.TempDir()
	d := open(t, process.Config{Dir: dir})
	logs := filepath.Join(dir, "_logs", "app")
	if err := os.MkdirAll(logs, 0o700); err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var texts [3]strings.Builder
	for i := range 300 {
		stamp := begin.Add(time.Duration(i) * time.Millisecond).Format("2006-01-02T15:04:05.000Z")
		fmt.Fprintf(&texts[i%3], "%s out|%d\n", stamp, i)
	}
	for i, name := range []string{"app-1.log.1", "app-2.log", "app-3.log"} {
		if err := os.WriteFile(filepath.Join(logs, name), []byte(texts[i].String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(logs, "app-1.log"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tail := range []int{0, 1, 7, 299, 300, 1000} {
		r, err := d.Logs(t.Context(), "app", nil, false, tail)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for {
			var stamp, rest string
			if _, err := fmt.Fscan(r, &stamp, &rest); err != nil {
				break
			}
			var n int
			if _, err := fmt.Sscanf(rest, "out|%d", &n); err != nil {
				t.Fatal(err)
			}
			got = append(got, n)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		want := tail
		if tail == 0 || tail > 300 {
			want = 300
		}
		if len(got) != want || got[len(got)-1] != 299 {
			t.Fatalf("tail %d: got %d lines: %v", tail, len(got), got)
		}
		for i, n := range got {
			if n != 300-want+i {
				t.Fatalf("tail %d: line %d is %d", tail, i, n)
			}
		}
	}
}
